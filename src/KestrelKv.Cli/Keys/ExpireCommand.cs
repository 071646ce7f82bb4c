using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv expire KEY --ttl SECONDS</c>: sets or clears the expiry of a key.</summary>
internal static class ExpireCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var write = new WriteArguments();
        var command = new Command("expire", "Set or clear the expiry of a key: --ttl, --expires-at or --persist.") { key };
        write.AddTo(command, hasExpiry: true, hasPath: false, hasOld: false);
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            WriteOptions options = write.Read(arguments);
            if (options.Expiry == Expiry.Default) throw CommandFailure.Usage("No expiry is given, expected --ttl, --expires-at or --persist");
            WriteResult result = await session.Client.ExpireAsync(name, options.Expiry, options with { Expiry = Expiry.Default }, stop);
            if (result is { Applied: true, Existed: false })
                throw new CommandFailure(ExitCode.Absent, "not_found", $"The key \"{DisplayText.Of(name)}\" is missing");
            return WriteOutput.Print(session, name, result);
        });
    }
}
