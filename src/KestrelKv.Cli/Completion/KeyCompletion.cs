using System.CommandLine.Completions;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Completion;

/// <summary>Completes keys with a scan of the server.</summary>
internal static class KeyCompletion
{
    private const int KeysMax = 100;

    // A shell waits for completions at each press of Tab.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Returns keys that begin with the typed text. Returns none if there are problems: a shell has no place for a message.</summary>
    public static IEnumerable<CompletionItem> Find(CommandHost host, CompletionContext context)
    {
        try
        {
            return Task.Run(() => FindAsync(host, context)).WaitAsync(Patience).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException || CommandFailure.Of(e) is not null)
        {
            return [];
        }
    }

    private static async Task<List<CompletionItem>> FindAsync(CommandHost host, CompletionContext context)
    {
        await using Session session = host.CreateSession(context.ParseResult);
        session.ClientOptions.ConnectTimeout = Patience;
        var options = new ScanOptions { Limit = KeysMax, Timeout = Patience };
        var items = new List<CompletionItem>();
        await foreach (KeyInfo key in session.Client.ScanKeysAsync(context.WordToComplete, options))
            if (!key.Key.Any(char.IsControl)) items.Add(new(key.Key)); // Shells expect one completion on a line.
        return items;
    }
}
