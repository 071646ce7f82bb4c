using System.CommandLine;
using KestrelKv.Cli.Completion;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary>Arguments that are keys or prefixes. Shells complete them with the keys of the server.</summary>
internal static class KeyArgument
{
    public static Argument<string> Key(CommandHost host) => Completed(host, new Argument<string>("key") { Description = "The key." });

    public static Argument<string[]> Keys(CommandHost host) =>
        Completed(host, new Argument<string[]>("key") { Description = "The keys.", Arity = ArgumentArity.OneOrMore });

    public static Argument<string> Prefix(CommandHost host) => Completed(host, new Argument<string>("prefix")
    {
        Description = "The prefix of the keys. Default: all keys.",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "",
    });

    private static TArgument Completed<TArgument>(CommandHost host, TArgument argument)
        where TArgument : Argument
    {
        argument.HelpName = argument.Name; // Otherwise the help would ask the server, and show its keys.
        argument.CompletionSources.Add(context => KeyCompletion.Find(host, context));
        return argument;
    }
}
