using System.Globalization;
using System.Text.RegularExpressions;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A system call, as strace has seen it: its begin and its end are places in the one order of all that it saw.</summary>
/// <remarks>
/// strace holds a thread at the begin of a call, before anything of it is done, and at its end, before the thread goes
/// on: so a call that was begun after another one had ended, in this order, came after it.
/// </remarks>
/// <param name="Name">Such as <c>fdatasync</c>.</param>
/// <param name="Arguments">As strace writes them.</param>
/// <param name="Begin">The place of its begin.</param>
internal sealed partial record SystemCall(string Name, string Arguments, int Begin)
{
    /// <summary>The place of its end; none where it was not seen.</summary>
    public int End { get; private set; } = int.MaxValue;

    /// <summary>What it returned.</summary>
    public long Result { get; private set; } = -1;

    /// <summary>The path of the file that is the first argument; empty where that is none.</summary>
    public string File => FileArgument().Match(Arguments).Groups[1].Value;

    /// <summary>Reads what <c>strace -f -y</c> has written.</summary>
    public static List<SystemCall> Parse(IReadOnlyList<string> lines)
    {
        List<SystemCall> calls = [];
        Dictionary<string, SystemCall> unfinished = [];
        for (int i = 0; i < lines.Count; i++)
        {
            if (Resumed().Match(lines[i]) is { Success: true } resumed)
            {
                // One that was begun before strace was there has no begin.
                if (!unfinished.Remove(resumed.Groups["thread"].Value, out SystemCall? begun)) continue;
                Assert.Equal(begun.Name, resumed.Groups["name"].Value);
                begun.Finish(i, resumed.Groups["result"].Value);
            }
            else if (Begun().Match(lines[i]) is { Success: true } match)
            {
                var call = new SystemCall(match.Groups["name"].Value, match.Groups["arguments"].Value, i);
                calls.Add(call);
                if (match.Groups["result"].Success) call.Finish(i, match.Groups["result"].Value);
                else unfinished[match.Groups["thread"].Value] = call;
            }
        }
        return calls;
    }

    private void Finish(int place, string result) => (End, Result) = (place, result == "?" ? -1 : long.Parse(result, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\((?<arguments>.*?)(?: <unfinished \.\.\.>|\) += (?<result>-?\d+|\?).*)$", RegexOptions.Singleline)]
    private static partial Regex Begun();

    [GeneratedRegex(@"^(?<thread>\d+) +<\.\.\. (?<name>\w+) resumed>.*\) += (?<result>-?\d+|\?)", RegexOptions.Singleline)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^\d+<([^>]*)>")]
    private static partial Regex FileArgument();
}
