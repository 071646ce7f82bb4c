using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// The one rule for what may not run on an event loop's thread, because it would delay the other connections there. It continues
/// on the thread pool instead; a connection returns to its loop when it next waits for bytes.
/// </summary>
internal static class LoopWork
{
    /// <summary>Requests of more bytes, together, are parsed and executed elsewhere: parsing takes about 2 ms for each MiB.</summary>
    public const int RequestBytesMax = 256 * 1024;

    /// <summary>Batches and pages of more entries are executed elsewhere.</summary>
    public const int EntriesMax = 100;

    /// <summary>A group of requests that took longer is continued elsewhere.</summary>
    private static readonly TimeSpan GroupTimeMax = TimeSpan.FromMilliseconds(5);

    /// <summary>Whether one request may take long. Long edits are not meant: the store moves them to the thread pool itself.</summary>
    public static bool IsTooLong(in Request request) => request.Function switch
    {
        Function.Mget or Function.Batch => request.Options!.Operations.Length > EntriesMax,
        Function.Scan => request.Options is not { CountOnly: false, Values: false, Limit: <= EntriesMax },
        _ => false,
    };

    /// <summary>Whether requests that were begun at an instant have taken long by now.</summary>
    public static bool IsTooLong(long since, TimeProvider time) => time.GetElapsedTime(since) > GroupTimeMax;

    /// <summary>Whether this thread is an event loop's, or another one that others wait for.</summary>
    public static bool IsHere => !Thread.CurrentThread.IsThreadPoolThread;
}
