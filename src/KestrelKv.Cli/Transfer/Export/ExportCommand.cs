using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Keys;

namespace KestrelKv.Cli.Transfer.Export;

/// <summary><c>kkv export [PREFIX]</c>: writes all entries, consistent at one version, as one JSON object a line.</summary>
internal static class ExportCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var file = new Option<string?>("--file", "-f") { Description = "The file to write. Default: standard output." };
        var resume = new Option<bool>("--resume") { Description = "Continue an interrupted export to the same file." };
        var noExpiry = new Option<bool>("--no-expiry") { Description = "Omit the expiries: imported entries do not expire." };
        var command = new Command("export", "Write all entries as of one version, one JSON object on each line.") { prefix, file, resume, noExpiry };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string? path = arguments.GetValue(file) is { } given ? ResultFile.Resolve(given) : null;
            if (path is null && arguments.GetValue(resume))
                throw CommandFailure.Usage("--resume is given without --file, expected the file of the interrupted export");
            var export = new Exporter(session, arguments.GetRequiredValue(prefix), path, new ExportLines(!arguments.GetValue(noExpiry)));
            await export.RunAsync(arguments.GetValue(resume), stop);
            return ExitCode.Ok;
        });
    }
}
