using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Contexts;

/// <summary><c>kkv context</c>: lists, saves and selects servers.</summary>
internal static class ContextCommand
{
    public static Command Create(CommandHost host) => new("context", "Save servers under names, and select the one that commands use.")
    {
        ContextAddCommand.Create(host),
        CreateUse(host),
        CreateList(host),
        CreateShow(host),
        CreateRemove(host),
    };

    /// <summary>Returns an argument that is the name of a saved server. Shells complete it.</summary>
    private static Argument<string> NameArgument(CommandHost host, ArgumentArity arity)
    {
        var name = new Argument<string>("name") { Description = "The name of the saved server.", Arity = arity };
        name.HelpName = name.Name;
        name.CompletionSources.Add(_ =>
            ContextFile.TryLoad(host.Terminal)?.Contexts.Keys.Select(each => new System.CommandLine.Completions.CompletionItem(each)) ?? []);
        return name;
    }

    private static Command CreateUse(CommandHost host)
    {
        Argument<string> name = NameArgument(host, ArgumentArity.ExactlyOne);
        return host.Handle(new Command("use", "Select the server that commands use.") { name }, (arguments, session, _) =>
        {
            ContextFile file = ContextFile.Load(session.Terminal);
            string selected = arguments.GetRequiredValue(name);
            file.Get(selected);
            (file with { Current = selected }).Save(session.Terminal);
            session.Terminal.WriteMessage($"The current context is {selected}.");
            return Task.FromResult(ExitCode.Ok);
        });
    }

    private static Command CreateRemove(CommandHost host)
    {
        Argument<string> name = NameArgument(host, ArgumentArity.ExactlyOne);
        return host.Handle(new Command("remove", "Remove a saved server.") { name }, (arguments, session, _) =>
        {
            ContextFile file = ContextFile.Load(session.Terminal);
            string removed = arguments.GetRequiredValue(name);
            file.Get(removed);
            file.Contexts.Remove(removed);
            (file.Current == removed ? file with { Current = null } : file).Save(session.Terminal);
            session.Terminal.WriteMessage($"The context {removed} is removed.");
            return Task.FromResult(ExitCode.Ok);
        });
    }

    private static Command CreateList(CommandHost host) =>
        host.Handle(new Command("list", "List the saved servers, without their secrets."), (_, session, _) =>
    {
        ContextFile file = ContextFile.Load(session.Terminal);
        var list = new ResultList(session, "CURRENT", "NAME", "URL", "HTTP", "ACCESS");
        foreach ((string name, SavedServer server) in file.Contexts) AddTo(list, name, server, file.Current == name, SecretMask.Of(server.Url));
        list.End();
        return Task.FromResult(ExitCode.Ok);
    });

    private static Command CreateShow(CommandHost host)
    {
        Argument<string> name = NameArgument(host, ArgumentArity.ZeroOrOne);
        var secrets = new Option<bool>("--secrets") { Description = "Show the secret too." };
        return host.Handle(new Command("show", "Show a saved server. Default: the current one.") { name, secrets }, (arguments, session, _) =>
        {
            ContextFile file = ContextFile.Load(session.Terminal);
            string shown = arguments.GetValue(name) ?? file.Current
                ?? throw new CommandFailure(ExitCode.Absent, "context", "No context is current, expected a name");
            SavedServer server = file.Get(shown);
            var list = new ResultList(session, "CURRENT", "NAME", "URL", "HTTP", "ACCESS");
            AddTo(list, shown, server, file.Current == shown, arguments.GetValue(secrets) ? server.Url : SecretMask.Of(server.Url));
            list.End();
            return Task.FromResult(ExitCode.Ok);
        });
    }

    private static void AddTo(ResultList list, string name, SavedServer server, bool isCurrent, string url) => list.Add(
        () => EntryJson.Object(json =>
        {
            json.WriteString("name", name);
            json.WriteBoolean("current", isCurrent);
            json.WriteString("url", url);
            json.WriteString("http", server.Http);
            json.WriteBoolean("read_only", server.ReadOnly);
        }),
        () => System.Text.Encoding.UTF8.GetBytes(url),
        () => [isCurrent ? "*" : "", name, DisplayText.Of(url), server.Http ?? "", server.ReadOnly ? "read-only" : ""]);
}
