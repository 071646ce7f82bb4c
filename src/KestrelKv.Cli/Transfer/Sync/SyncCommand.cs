using System.CommandLine;
using KestrelKv.Cli.Contexts;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Keys;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary><c>kkv sync --to URL [PREFIX]</c>: copies entries to another server, and follows their changes.</summary>
internal static class SyncCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var to = new Option<string>("--to")
        {
            Description = "The destination, such as kestrelkv://standby, or a saved context. Entries that the source lacks are removed there.",
            HelpName = "url|context", Required = true,
        };
        var once = new Option<bool>("--once") { Description = "End when the destination has caught up." };
        var compare = new Option<bool>("--compare") { Description = "Compare both servers again before following the changes." };
        var command = new Command("sync", "Copy entries to another server, and follow their changes.") { prefix, to, once, compare };
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            KestrelKvClientOptions target = Find(arguments.GetRequiredValue(to), session.Terminal);
            string source = Session.NameOf(session.ClientOptions);
            if (Session.NameOf(target) == source) throw CommandFailure.Usage($"--to is {source}, which is the source, expected another server");
            await using KestrelKvClient from = await TransferClient.ConnectAsync(session, stop);
            await using KestrelKvClient into = await TransferClient.ConnectAsync(target, session.ClientOptions.Timeout, stop);
            var copy = new SyncTarget(into, arguments.GetRequiredValue(prefix), source);
            await new Synchronizer(
                session, from, copy, arguments.GetRequiredValue(prefix), arguments.GetValue(once), arguments.GetValue(compare)).RunAsync(stop);
            return ExitCode.Ok;
        });
    }

    /// <summary>Returns the destination: a saved context, whose secret is in no list of processes, or a connection string.</summary>
    private static KestrelKvClientOptions Find(string to, Terminal terminal)
    {
        if (to.Contains("://", StringComparison.Ordinal) || to.Contains('=', StringComparison.Ordinal)) return KestrelKvClientOptions.Parse(to);
        SavedServer server = ContextFile.Load(terminal).Get(to);
        if (server.ReadOnly) throw CommandFailure.Usage($"--to is {to}, a context that is read-only, expected one that permits writes");
        return KestrelKvClientOptions.Parse(server.Url);
    }
}
