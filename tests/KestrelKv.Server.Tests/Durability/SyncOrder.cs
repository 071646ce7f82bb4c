using System.Text.RegularExpressions;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// Checks by a trace that nothing was told of a write before a sync that covers it. Every write has a mark of its own
/// (<see cref="MarkOf"/>) in its key and in its value.
/// </summary>
internal sealed partial class SyncOrder
{
    private readonly Dictionary<string, List<SystemCall>> _writes = [];
    private readonly ILookup<string, SystemCall> _syncs;
    private readonly List<(string Mark, SystemCall Send)> _told = [];

    public SyncOrder(IReadOnlyList<string> trace)
    {
        List<SystemCall> calls = SystemCall.Parse(trace);
        _syncs = calls.Where(call => call.Name == "fdatasync" && call.Result == 0).ToLookup(call => call.File);
        foreach (SystemCall call in calls)
        {
            if (call.Name == "pwrite64")
            {
                foreach (Match mark in Mark().Matches(call.Arguments)) WritesOf(mark.Value).Add(call);
            }
            else if (call.Name != "fdatasync")
            {
                foreach (string mark in MarksTold(call)) _told.Add((mark, call));
            }
        }
    }

    /// <summary>The options of strace for it.</summary>
    public static string[] Options => ["-e", "trace=pwrite64,pwritev,fdatasync,sendmsg,sendto,write,writev", "-e", "signal=none", "-s", "1000000"];

    /// <summary>The marks of all writes that replies told of: acknowledged, or shown.</summary>
    public IReadOnlySet<string> Told => _told.Select(told => told.Mark).ToHashSet();

    /// <summary>The marks of the writes that were told of too early.</summary>
    public IReadOnlySet<string> ToldTooEarly => _told.Where(told => !IsSynced(told.Mark, told.Send)).Select(told => told.Mark).ToHashSet();

    public static string MarkOf(int client, int number) => $"mark-{client}-{number}.";

    private List<SystemCall> WritesOf(string mark) => _writes.TryGetValue(mark, out var writes) ? writes : _writes[mark] = [];

    /// <summary>Whether a write was in the log, and that synced, when a reply began to leave.</summary>
    private bool IsSynced(string mark, SystemCall send) => WritesOf(mark).Any(
        write => write.File.EndsWith(".log", StringComparison.Ordinal) && write.Result > 0 &&
            _syncs[write.File].Any(sync => write.End < sync.Begin && sync.End < send.Begin));

    /// <summary>What a call that sends tells of. That there is no value yet tells nothing.</summary>
    private static IEnumerable<string> MarksTold(SystemCall send)
    {
        // A reply may go on in the next buffer of the same call.
        string text = BufferEnd().Replace(send.Arguments, "").Replace("\\\"", "\"", StringComparison.Ordinal);
        return Mark().Matches(NullReply().Replace(text, "")).Select(mark => mark.Value).Distinct();
    }

    [GeneratedRegex(@"mark-\d+-\d+\.")]
    private static partial Regex Mark();

    [GeneratedRegex("""
        "obj": "[^"]*", "val": null
        """)]
    private static partial Regex NullReply();

    [GeneratedRegex("""
        ", iov_len=\d+\}, \{iov_base="
        """)]
    private static partial Regex BufferEnd();
}
