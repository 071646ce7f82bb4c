using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Transfer.Backup;

/// <summary><c>kkv backup [FILE]</c>: downloads a backup of the whole store, and verifies it.</summary>
internal static class BackupCommand
{
    public static Command Create(CommandHost host)
    {
        var file = new Argument<string?>("file")
        {
            Description = "The file to write. Default: kestrelkv-VERSION.snapshot.", Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("backup", "Download a backup of the whole store, and verify it.") { file };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string? path = arguments.GetValue(file) is { } given ? ResultFile.Resolve(given) : null;
            var progress = new ProgressDisplay(session.Terminal, "entries");
            BackupFile backup = null!;
            await progress.RunAsync("backup", async () => backup = await BackupDownload.RunAsync(session, path, progress, stop));
            string sentence = $"Saved and verified {backup.Path}: version {backup.Version}, {backup.Entries} entries, {backup.Bytes} bytes.";
            session.Report(sentence, json =>
            {
                json.WriteString("file", backup.Path);
                json.WriteNumber("version", backup.Version);
                json.WriteNumber("entries", backup.Entries);
                json.WriteNumber("bytes", backup.Bytes);
            });
            return ExitCode.Ok;
        });
    }
}
