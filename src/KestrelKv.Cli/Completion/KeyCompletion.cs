using System.CommandLine.Completions;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Completion;

/// <summary>Completes keys with a scan of the server.</summary>
internal static class KeyCompletion
{
    private const int KeysMax = 100;

    // A shell waits for completions at each press of Tab.
    private static readonly TimeSpan PatienceByDefault = TimeSpan.FromSeconds(1);

    /// <summary>Returns keys that begin with the typed text. Returns none if there are problems: a shell has no place for a message.</summary>
    public static IEnumerable<CompletionItem> Find(CommandHost host, CompletionContext context)
    {
        try
        {
            TimeSpan patience = PatienceOf(host.Terminal);
            return Task.Run(() => FindAsync(host, context, patience)).WaitAsync(patience).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException || CommandFailure.Of(e) is not null)
        {
            return [];
        }
    }

    /// <summary>
    /// Returns the first keys with a prefix, without those that have control characters: shells expect one completion on a line, and would draw them.
    /// </summary>
    public static async Task<List<string>> FindAsync(KestrelKvClient client, string prefix, TimeSpan? timeout, CancellationToken stop)
    {
        var keys = new List<string>();
        await foreach (KeyInfo key in client.ScanKeysAsync(prefix, new() { Limit = KeysMax, Timeout = timeout }, stop))
        {
            if (!key.Key.Any(char.IsControl)) keys.Add(key.Key);
        }
        return keys;
    }

    /// <summary>Returns the time limit: the variable <c>KKV_COMPLETION_TIMEOUT</c>, in seconds up to 60, or one second.</summary>
    private static TimeSpan PatienceOf(Terminal terminal) =>
        double.TryParse(terminal.Environment("KKV_COMPLETION_TIMEOUT"), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out double seconds) && seconds is > 0.001 and <= 60
            ? TimeSpan.FromSeconds(seconds)
            : PatienceByDefault;

    private static async Task<List<CompletionItem>> FindAsync(CommandHost host, CompletionContext context, TimeSpan patience)
    {
        await using Session session = host.CreateSession(context.ParseResult);
        session.ClientOptions.ConnectTimeout = patience;
        List<string> keys = await FindAsync(session.Client, context.WordToComplete, patience, CancellationToken.None);
        return [.. keys.Select(key => new CompletionItem(key))];
    }
}
