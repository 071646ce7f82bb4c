using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// Decides which work must not run on an event loop's thread, because it would delay the other connections there. Such work continues
/// on the thread pool. The connection returns to its loop when it next waits for bytes.
/// </summary>
internal static class LoopWork
{
    /// <summary>The maximum total size of requests that a loop's thread executes, in bytes. Parsing takes about 2 ms per MiB.</summary>
    public const int RequestBytesMax = 256 * 1024;

    /// <summary>The maximum number of entries of a batch or page that a loop's thread executes.</summary>
    public const int EntriesMax = 100;

    /// <summary>The maximum time of a group of requests. After a longer group, the connection continues on the thread pool.</summary>
    private static readonly TimeSpan GroupTimeMax = TimeSpan.FromMilliseconds(5);

    /// <summary>Whether one request may take long. Long edits are excluded: the store itself moves them to the thread pool.</summary>
    public static bool IsTooLong(in Request request) => request.Function switch
    {
        Function.Mget or Function.Batch => request.Options!.Operations.Length > EntriesMax,
        Function.Scan => request.Options is not { CountOnly: false, Values: false, Delimiter.IsEmpty: true, Limit: <= EntriesMax },
        _ => false,
    };

    /// <summary>Whether requests that began at a timestamp have taken too long.</summary>
    public static bool IsTooLong(long since, TimeProvider time) => time.GetElapsedTime(since) > GroupTimeMax;

    /// <summary>Whether the current thread is an event loop's, or another one outside the thread pool.</summary>
    public static bool IsHere => !Thread.CurrentThread.IsThreadPoolThread;
}
