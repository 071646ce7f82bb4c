using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary><c>kkv import FILE</c>: applies the lines of an export, or of any file with one entry on each line.</summary>
internal static class ImportCommand
{
    public static Command Create(CommandHost host)
    {
        var file = new Argument<string>("file") { Description = "The file, or - for standard input." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Check all lines, and write nothing." };
        var onError = new Option<string>("--on-error")
        {
            Description = "What an invalid or refused line does: stop (default) or skip.", HelpName = "stop|skip", DefaultValueFactory = _ => "stop",
        };
        var resume = new Option<bool>("--resume") { Description = "Continue an interrupted import of the same file." };
        var fromLine = new Option<long>("--from-line")
        {
            Description = "The first line to apply, such as the one that an interrupted import from standard input has printed.",
            DefaultValueFactory = _ => 1,
        };
        var depth = new Option<int>("--depth-max")
        {
            Description = "The maximum nesting of a value: the server's Limits:JsonDepthMax.", DefaultValueFactory = _ => 1_024,
        };
        onError.AcceptOnlyFromAmong("stop", "skip");
        var command = new Command("import", "Store the entries of a file, one JSON object on each line.")
        {
            file, dryRun, onError, resume, fromLine, depth,
        };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string path = arguments.GetRequiredValue(file);
            var options = new ImportOptions(
                path == "-" ? null : path, arguments.GetValue(dryRun), arguments.GetValue(onError) == "skip", arguments.GetValue(resume),
                arguments.GetValue(fromLine), arguments.GetValue(depth));
            Check(options, session);
            await using KestrelKvClient? client = options.IsDryRun ? null : await TransferClient.ConnectAsync(session, stop);
            return await new Importer(session, options, client).RunAsync(stop);
        });
    }

    private static void Check(ImportOptions options, Session session)
    {
        if (!options.IsDryRun) session.ThrowIfReadOnly("Without --dry-run, the command import");
        if (options.Resumes && options.Path is null)
            throw CommandFailure.Usage(
                "--resume is given with standard input, expected --from-line with the line that the interrupted import has printed");
        if (options.Resumes && options.IsDryRun) throw CommandFailure.Usage("--resume and --dry-run are both given, expected one of them");
        if (options.FromLine < 1) throw CommandFailure.Usage($"--from-line is {options.FromLine}, expected 1 or more");
        CommandFailure.ThrowIfOutside(options.DepthMax, 1, 100_000, "--depth-max");
    }
}
