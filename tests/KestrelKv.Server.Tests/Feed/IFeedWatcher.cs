namespace KestrelKv.Server.Tests.Feed;

/// <summary>Watches from the first version on, with repeated disconnections.</summary>
internal interface IFeedWatcher
{
    CollectedFeed Feed { get; }

    int Watches { get; }

    /// <summary>Watches while the condition holds.</summary>
    Task RunAsync(Func<bool> continues);
}
