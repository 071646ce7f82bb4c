using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Storage.Tests.Soak;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The state that all processes of a run share.</summary>
internal sealed class World
{
    public World(Random random, CrashProfile profile)
    {
        (Random, Profile) = (random, profile);
        byte[][] keys = [.. KeySpaces.Few, .. KeySpaces.Numbered("key:", profile.Evicts ? 200 : random.UpTo(100))];
        Operations = new(random, keys, Time)
        {
            DeletesPercent = profile.Evicts ? 5 : 30, BatchMax = 8, ValueBytesMax = profile.Evicts ? 5_000 : profile.ValueBytesMax,
            ExpiryMax = TimeSpan.FromSeconds(3),
            VersionOf = key => History.TryGet(key.Span, out StoredEntry? entry) && entry.IsVisible(Now()) ? entry.Version : 0,
            LastVersion = () => History.Last,
        };
        Witnesses = [new(this, []), new(this, keys[random.Next(keys.Length)].AsSpan(0, 1).ToArray())];
    }

    public Random Random { get; }

    public CrashProfile Profile { get; }

    public TestTime Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

    public CommitHistory History { get; } = new();

    public RandomOperations Operations { get; }

    public SingleThread? Thread { get; set; }

    public RunCounts Counts { get; } = new();

    public IReadOnlyList<FeedReplica> Witnesses { get; }

    /// <summary>The writes of the current process.</summary>
    public List<IssuedCall> Issued { get; } = [];

    public long Now() => Time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>A call, and the version of the store before it.</summary>
internal sealed record IssuedCall(long After, Operation[] Operations, bool IsBatch);
