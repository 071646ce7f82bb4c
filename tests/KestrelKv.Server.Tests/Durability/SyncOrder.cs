using System.Text.RegularExpressions;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// Checks in a trace that no write was reported before a sync that covers it. A write is reported when a reply acknowledges it or shows
/// its value. Every write has a unique mark (<see cref="MarkOf"/>) in its key and its value.
/// </summary>
internal sealed partial class SyncOrder
{
    private readonly Dictionary<string, List<SystemCall>> _writes = [];
    private readonly ILookup<string, SystemCall> _syncs;
    private readonly List<(string Mark, SystemCall Send)> _reported = [];

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
                foreach (string mark in MarksReported(call)) _reported.Add((mark, call));
            }
        }
    }

    public static string[] Options =>
        ["-e", "trace=pwrite64,pwritev,fdatasync,sendmsg,sendto,write,writev", "-e", "signal=none", "-s", "1000000"];

    /// <summary>The marks of all reported writes.</summary>
    public IReadOnlySet<string> Reported => _reported.Select(write => write.Mark).ToHashSet();

    /// <summary>The marks of the writes that were reported before they were synced.</summary>
    public IReadOnlySet<string> ReportedTooEarly =>
        _reported.Where(write => !IsSynced(write.Mark, write.Send)).Select(write => write.Mark).ToHashSet();

    public static string MarkOf(int client, int number) => $"mark-{client}-{number}.";

    private List<SystemCall> WritesOf(string mark) => _writes.TryGetValue(mark, out var writes) ? writes : _writes[mark] = [];

    /// <summary>Whether a write was in the log, and the log synced, before a reply began to be sent.</summary>
    private bool IsSynced(string mark, SystemCall send) => WritesOf(mark).Any(
        write => write.File.EndsWith(".log", StringComparison.Ordinal) && write.Result > 0 &&
            _syncs[write.File].Any(sync => write.End < sync.Begin && sync.End < send.Begin));

    /// <summary>Returns the marks of the writes that a sending call reports. A missing value reports nothing.</summary>
    private static IEnumerable<string> MarksReported(SystemCall send)
    {
        // A reply may continue in the next buffer of the same call.
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
