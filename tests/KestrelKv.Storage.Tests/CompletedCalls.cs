namespace KestrelKv.Storage.Tests;

/// <summary>Asserts that calls of a store in memory complete before they return.</summary>
internal static class CompletedCalls
{
    public static T Completed<T>(this ValueTask<T> call)
    {
        Assert.True(call.IsCompleted);
        return call.Result;
    }
}
