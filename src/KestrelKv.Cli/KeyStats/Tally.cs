namespace KestrelKv.Cli.KeyStats;

/// <summary>A number of keys and their sizes.</summary>
internal struct Tally
{
    public long Keys { get; private set; }

    /// <summary>The bytes of keys and values.</summary>
    public long Bytes { get; private set; }

    /// <summary>The number of keys that expire.</summary>
    public long Expiring { get; private set; }

    public void Add(long bytes, bool isExpiring)
    {
        Keys++;
        Bytes += bytes;
        if (isExpiring) Expiring++;
    }

    public void Add(in Tally other) => (Keys, Bytes, Expiring) = (Keys + other.Keys, Bytes + other.Bytes, Expiring + other.Expiring);

    public readonly Tally Without(in Tally other) =>
        new() { Keys = Keys - other.Keys, Bytes = Bytes - other.Bytes, Expiring = Expiring - other.Expiring };
}
