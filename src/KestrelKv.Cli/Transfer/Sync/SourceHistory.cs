using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The commits of the source that a comparison has seen. Without the durability Always, a crash can lose them.</summary>
/// <param name="source">The source.</param>
/// <param name="prefix">The prefix of the copied keys.</param>
internal sealed class SourceHistory(KestrelKvClient source, string prefix)
{
    private const int AttemptsMax = 20;

    private static readonly TimeSpan AttemptPause = TimeSpan.FromMilliseconds(50);

    /// <summary>A prefix for watches whose changes are not used. No usual key has it.</summary>
    public string EmptyPrefix => prefix + "\uffff\uffff";

    /// <summary>Verifies that the source still has all commits up to a version. A watch that begins after a lost version is refused.</summary>
    /// <exception cref="RefusedException">With <see cref="RefusedException.IsHistoryLost"/>: the source has lost commits.</exception>
    public async Task VerifyAsync(long version, CancellationToken stop)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await foreach (ReadOnlyMemory<byte> _ in source.WatchUtf8Async(
                    EmptyPrefix, new() { FromVersion = version + 1, KeysOnly = true }, stop)) return;
            }
            catch (RefusedException e) when (e.Code == "future_version" && attempt < AttemptsMax)
            {
                // On PostgreSQL, a commit can be read a moment before it is visible to watches.
                await Task.Delay(AttemptPause, stop);
            }
        }
    }
}
