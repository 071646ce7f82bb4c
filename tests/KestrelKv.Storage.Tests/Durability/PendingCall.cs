namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A call of a store that may wait for the disk.</summary>
/// <param name="shown">The version that its results depend on; asked once it has completed.</param>
/// <param name="wrong">What its results have that is wrong.</param>
internal abstract class PendingCall(Func<long> shown, Func<string?> wrong)
{
    /// <summary>The version that its results depend on.</summary>
    public long Shown => shown();

    /// <summary>What its results have that is wrong.</summary>
    public string? Wrong => wrong();

    public abstract bool IsCompleted { get; }

    /// <summary>To be asked once, when it is completed: whether its results may be shown. They may not where the disk has failed.</summary>
    public abstract bool Succeeds();
}

/// <inheritdoc/>
internal sealed class PendingCall<T>(ValueTask<T> call, Func<long> shown, Func<string?> wrong, Action<T> onSuccess) : PendingCall(shown, wrong)
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
