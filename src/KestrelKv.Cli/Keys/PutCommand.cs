using System.CommandLine;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv put KEY VALUE</c>: stores a value, or a part of it.</summary>
internal static class PutCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var value = new Argument<string?>("value")
        {
            Description = "The value as JSON, @FILE for the contents of a file, or - for standard input (default).", Arity = ArgumentArity.ZeroOrOne,
        };
        var isText = new Option<bool>("--text", "-t") { Description = "The value is plain text, stored as a JSON string." };
        var write = new WriteArguments();
        var command = new Command("put", "Store a value under a key.") { key, value, isText };
        write.AddTo(command, hasExpiry: true, hasPath: true);
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            byte[] json = await ValueSource.ReadAsync(arguments.GetValue(value), arguments.GetValue(isText), session.Terminal, stop);
            return WriteOutput.Print(session, name, await session.Client.PutUtf8Async(name, json, write.Read(arguments), stop));
        });
    }
}
