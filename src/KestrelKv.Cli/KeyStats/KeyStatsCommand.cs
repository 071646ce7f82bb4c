using System.CommandLine;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Keys;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.KeyStats;

/// <summary><c>kkv keystats [PREFIX]</c>: sizes and numbers of keys by prefix, and the largest keys.</summary>
internal static class KeyStatsCommand
{
    private const int DelimiterBytesMax = 16;
    private const int DepthMax = 100;

    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var delimiter = new Option<string>("--delimiter", "-d")
        {
            Description = "The delimiter of the parts of keys. Default: a colon.", DefaultValueFactory = _ => ":",
        };
        var depth = new Option<int>("--depth")
        {
            Description = "The number of parts by which keys are grouped. Default: 2.", DefaultValueFactory = _ => 2,
        };
        var top = new Option<int>("--top")
        {
            Description = "The number of largest keys, and of groups shown in each group. Default: 10.", DefaultValueFactory = _ => 10,
        };
        var groupsMax = new Option<int>("--prefixes-max")
        {
            Description = "The number of largest groups that are kept. Others are summed up in their parent. Default: 10000.",
            DefaultValueFactory = _ => 10_000,
        };
        var chart = new Option<bool>("--chart") { Description = "Draw a bar chart instead of a table." };
        var resume = new Option<string?>("--resume")
        {
            Description = "Begin after this key, where an interrupted run ended. The result covers the keys after it.", HelpName = "after",
        };
        var command = new Command("keystats", "Show sizes and numbers of keys by prefix, the largest keys, and expiring keys.")
        {
            prefix, delimiter, depth, top, groupsMax, chart, resume,
        };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string part = arguments.GetRequiredValue(delimiter), start = arguments.GetRequiredValue(prefix);
            if (part.Length == 0 || Encoding.UTF8.GetByteCount(part) > DelimiterBytesMax)
                throw CommandFailure.Usage($"--delimiter is \"{part}\", expected 1 to {DelimiterBytesMax} bytes");
            (int levels, int shown, int kept) = (arguments.GetValue(depth), arguments.GetValue(top), arguments.GetValue(groupsMax));
            CommandFailure.ThrowIfOutside(levels, 0, DepthMax, "--depth");
            CommandFailure.ThrowIfOutside(shown, 0, 100_000, "--top");
            CommandFailure.ThrowIfOutside(kept, 1, 10_000_000, "--prefixes-max");
            var totals = new KeyTotals(start, part, levels, kept, shown);
            var scan = new KeyScan(session, totals, start, part, arguments.GetValue(resume));
            Exception? failure = await scan.RunAsync(stop);
            Print(session, scan.Report(failure is null), shown, arguments.GetValue(chart));
            if (failure is null) return ExitCode.Ok;
            string next = scan.Position is { } position ? $"To continue: --resume {DisplayText.ShellWord(position)}" : "No key was read";
            session.Terminal.WriteMessage($"kkv: The result is partial. {next}.");
            return failure is OperationCanceledException ? ExitCode.Interrupted : throw failure;
        });
    }

    private static void Print(Session session, KeyReport report, int top, bool isChart)
    {
        if (!isChart && session.FormatOrDefault is OutputFormat.Json or OutputFormat.Ndjson)
        {
            session.WriteJson(KeyReportJson.Of(report));
            return;
        }
        if (report.After is { } after)
            session.Terminal.WriteMessage($"The result covers the keys after {DisplayText.Of(after)} only. The first groups may be incomplete.");
        session.Write(new KeyReportText(report, top).Write(isChart));
        session.Terminal.Output.Flush();
    }
}
