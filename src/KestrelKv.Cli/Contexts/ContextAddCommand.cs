using System.CommandLine;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Keys;
using KestrelKv.Client;

namespace KestrelKv.Cli.Contexts;

/// <summary><c>kkv context add NAME URL</c>: saves a server. The options <c>--http</c> and <c>--read-only</c> are saved with it.</summary>
internal static class ContextAddCommand
{
    public static Command Create(CommandHost host)
    {
        var name = new Argument<string>("name") { Description = "The name. A saved server with the same name is replaced." };
        var url = new Argument<string>("url")
        {
            Description = "The server, such as kestrelkvs://user:secret@host; - to read it from standard input, so that the secret is in no list " +
                "of processes.",
        };
        var use = new Option<bool>("--use") { Description = "Also select it. The first saved server is always selected." };
        var command = new Command("add", "Save a server, with its --http and --read-only.") { name, url, use };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string added = arguments.GetRequiredValue(name);
            string address = arguments.GetRequiredValue(url);
            if (address == "-") address = Encoding.UTF8.GetString(await ValueSource.ReadInputAsync(session.Terminal, "the URL", stop)).Trim();
            KestrelKvClientOptions.Parse(address).Validate();
            GlobalOptions options = host.Options;
            ContextFile file = ContextFile.Load(session.Terminal);
            file.Contexts[added] = new(address, arguments.GetValue(options.Http), arguments.GetValue(options.ReadOnly));
            bool isSelected = arguments.GetValue(use) || file.Contexts.Count == 1;
            (isSelected ? file with { Current = added } : file).Save(session.Terminal);
            session.Terminal.WriteMessage(
                $"The context {added} is saved in {ContextFile.PathOf(session.Terminal)}{(isSelected ? ", and is current" : "")}.");
            return ExitCode.Ok;
        });
    }
}
