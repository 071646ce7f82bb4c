namespace KestrelKv.Server.Tests.Feed;

/// <summary>Watches from the first version on, and is disconnected again and again.</summary>
internal interface IFeedWatcher
{
    /// <summary>What it was told.</summary>
    CollectedFeed Feed { get; }

    /// <summary>So many times it has begun to watch.</summary>
    int Watches { get; }

    /// <summary>Watches, as long as this is asked for.</summary>
    Task RunAsync(Func<bool> goesOn);
}
