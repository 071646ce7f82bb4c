namespace KestrelKv.Benchmarks.Servers;

internal static class Missing
{
    /// <summary>Returns the installed servers, and prints how to install the others.</summary>
    public static ServerKind[] Without(ServerKind[] kinds)
    {
        foreach (ServerKind kind in kinds.Where(kind => !kind.IsInstalled))
            Console.Error.WriteLine($"{kind.Name} is skipped: {kind.Program} is not installed; run: {kind.Installation}");
        return [.. kinds.Where(kind => kind.IsInstalled)];
    }
}
