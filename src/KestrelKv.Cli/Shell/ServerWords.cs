using KestrelKv.Cli.Completion;
using KestrelKv.Cli.Server;
using KestrelKv.Client;

namespace KestrelKv.Cli.Shell;

/// <summary>Words for completion that the server knows: keys, functions and parameters. A server that does not answer in a second has none.</summary>
internal sealed class ServerWords(KestrelKvClient client)
{    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private Dictionary<string, string[]>? _functions;

    /// <summary>Returns the first keys with a prefix.</summary>
    public IReadOnlyList<string> Keys(string prefix) => Wait(stop => KeyCompletion.FindAsync(client, prefix, null, stop)) ?? [];

    public IReadOnlyCollection<string> Functions() => LoadFunctions().Keys;

    /// <summary>Returns the names of the parameters of a function.</summary>
    public IReadOnlyList<string> Parameters(string function) => LoadFunctions().GetValueOrDefault(function, []);

    private Dictionary<string, string[]> LoadFunctions() => (_functions ??= Wait(stop => ServerFunctions.ReadAsync(client, stop))) ?? [];

    /// <summary>Waits for words. There are none if the server does not answer in time.</summary>
    private static T? Wait<T>(Func<CancellationToken, Task<T>> read) where T : class
    {
        using var late = new CancellationTokenSource(Patience);
        try
        {
            return Task.Run(() => read(late.Token)).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is KestrelKvException or OperationCanceledException or ArgumentException)
        {
            return null; // Completion is not the place to report a lost server: the next command does.
        }
    }
}
