using System.CommandLine;
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
            Description = "The destination, such as kestrelkv://standby. Entries that the source lacks are removed there.",
            HelpName = "url", Required = true,
        };
        var once = new Option<bool>("--once") { Description = "End when the destination has caught up." };
        var command = new Command("sync", "Copy entries to another server, and follow their changes.") { prefix, to, once };
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            KestrelKvClientOptions target = KestrelKvClientOptions.Parse(arguments.GetRequiredValue(to));
            string source = Session.NameOf(session.ClientOptions);
            if (Session.NameOf(target) == source) throw CommandFailure.Usage($"--to is {source}, which is the source, expected another server");
            await using KestrelKvClient from = await TransferClient.ConnectAsync(session, stop);
            await using KestrelKvClient into = await TransferClient.ConnectAsync(target, session.ClientOptions.Timeout, stop);
            var copy = new SyncTarget(into, arguments.GetRequiredValue(prefix), source);
            await new Synchronizer(session, from, copy, arguments.GetRequiredValue(prefix), arguments.GetValue(once)).RunAsync(stop);
            return ExitCode.Ok;
        });
    }
}
