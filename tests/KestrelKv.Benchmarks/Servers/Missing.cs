namespace KestrelKv.Benchmarks.Servers;

/// <summary>Programs that this machine does not have.</summary>
internal static class Missing
{
    /// <summary>Those that it has. Of the others it tells how to get them.</summary>
    public static ServerKind[] Without(ServerKind[] kinds)
    {
        foreach (ServerKind kind in kinds.Where(kind => !kind.IsInstalled))
            Console.Error.WriteLine($"{kind.Name} is missing, and left out. To get {kind.Program}: {kind.Installation}");
        return [.. kinds.Where(kind => kind.IsInstalled)];
    }
}
