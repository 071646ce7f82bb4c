namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A call of a store that may wait for durability. The parameters are called after it has completed.</summary>
internal abstract class PendingCall(Func<long> shown, Func<string?> wrong)
{
    /// <summary>The version that its results depend on.</summary>
    public long Shown => shown();

    /// <summary>The error in its results; null for none.</summary>
    public string? Wrong => wrong();

    public abstract bool IsCompleted { get; }

    /// <summary>
    /// Returns whether its results may be visible. False if the disk has failed. Must be called once, after completion.
    /// </summary>
    public abstract bool Succeeds();
}

/// <inheritdoc/>
internal sealed class PendingCall<T>(ValueTask<T> call, Func<long> shown, Func<string?> wrong, Action<T> onSuccess)
    : PendingCall(shown, wrong)
{
    public override bool IsCompleted => call.IsCompleted;

    public override bool Succeeds()
    {
        try
        {
            onSuccess(call.GetAwaiter().GetResult());
            return true;
        }
        catch (DurabilityLostException)
        {
            return false;
        }
    }
}
