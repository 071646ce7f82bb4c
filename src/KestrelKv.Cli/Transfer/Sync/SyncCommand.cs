using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary><c>kkv sync --to URL [PREFIX]</c>: copies entries to another server, and follows their changes.</summary>
internal static class SyncCommand
{
    public static Command Create(CommandHost host)
    {
        var prefix = new Argument<string?>("prefix") { Description = "Only keys with this prefix.", Arity = ArgumentArity.ZeroOrOne };
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
            string source = NameOf(session.ClientOptions);
            if (NameOf(target) == source) throw CommandFailure.Usage($"--to is {source}, which is the source, expected another server");
            await using KestrelKvClient from = await TransferClient.ConnectAsync(session, stop);
            await using KestrelKvClient into = await TransferClient.ConnectAsync(target, session.ClientOptions.Timeout, stop);
            var copy = new SyncTarget(into, arguments.GetValue(prefix) ?? "", source);
            await new Synchronizer(session, from, copy, arguments.GetValue(prefix) ?? "", arguments.GetValue(once)).RunAsync(stop);
            return ExitCode.Ok;
        });
    }

    private static string NameOf(KestrelKvClientOptions options) => $"{options.Host}:{options.Port ?? (options.Tls ? 4445 : 4444)}";
}
