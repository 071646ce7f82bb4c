using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv patch KEY PATCH</c>: changes parts of a value.</summary>
internal static class PatchCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var patch = new Argument<string?>("patch")
        {
            Description = "An object, which is merged into the value (RFC 7396), or an array of operations (RFC 6902). " +
                "Also @FILE, or - for standard input (default).",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var write = new WriteArguments();
        var command = new Command("patch", "Change parts of a value with a JSON Merge Patch or a JSON Patch.") { key, patch };
        write.AddTo(command, hasExpiry: true, hasPath: false);
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            WriteOptions options = write.Read(arguments);
            byte[] json = await ValueSource.ReadAsync(arguments.GetValue(patch), isText: false, session.Terminal, stop);
            WriteResult result = json is [(byte)'[', ..]
                ? await session.Client.PatchUtf8Async(name, json, options, stop)
                : await session.Client.MergeUtf8Async(name, json, options, stop);
            return WriteOutput.Print(session, name, result);
        });
    }
}
