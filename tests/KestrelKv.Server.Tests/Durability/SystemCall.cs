using System.Globalization;
using System.Text.RegularExpressions;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A system call in a trace of strace. Its begin and end are positions in the order of all traced events.</summary>
/// <remarks>
/// strace stops a thread at the begin of a call, before any effect, and at its end, before the thread continues. A call that begins after
/// the end of another in this order therefore happened after it.
/// </remarks>
internal sealed partial record SystemCall(string Name, string Arguments, int Begin)
{
    /// <summary>The position of the end; <see cref="int.MaxValue"/> if the trace has none.</summary>
    public int End { get; private set; } = int.MaxValue;

    public long Result { get; private set; } = -1;

    /// <summary>The path of the file in the first argument; empty if it is not a file.</summary>
    public string File => FileArgument().Match(Arguments).Groups[1].Value;

    /// <summary>Parses the output of <c>strace -f -y</c>.</summary>
    public static List<SystemCall> Parse(IReadOnlyList<string> lines)
    {
        List<SystemCall> calls = [];
        Dictionary<string, SystemCall> unfinished = [];
        for (int i = 0; i < lines.Count; i++)
        {
            if (Resumed().Match(lines[i]) is { Success: true } resumed)
            {
                // A call that began before strace attached has no begin in the trace.
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

    private void Finish(int position, string result) =>
        (End, Result) = (position, result == "?" ? -1 : long.Parse(result, CultureInfo.InvariantCulture));

    [GeneratedRegex(
        @"^(?<thread>\d+) +(?<name>\w+)\((?<arguments>.*?)(?: <unfinished \.\.\.>|\) += (?<result>-?\d+|\?).*)$", RegexOptions.Singleline)]
    private static partial Regex Begun();

    [GeneratedRegex(@"^(?<thread>\d+) +<\.\.\. (?<name>\w+) resumed>.*\) += (?<result>-?\d+|\?)", RegexOptions.Singleline)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^\d+<([^>]*)>")]
    private static partial Regex FileArgument();
}
