namespace KestrelKv.Storage.Tests;

/// <summary>Calls of a store in memory, which complete before they return.</summary>
internal static class CompletedCalls
{
    public static T Completed<T>(this ValueTask<T> call)
    {
        Assert.True(call.IsCompleted);
        return call.Result;
    }
}
