using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Durability;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A store without threads, in memory or on a simulated disk, whose feed the test drives.</summary>
internal sealed class WatchedStore : IDisposable
{
    private const int RoundsMax = 10;

    private readonly EmbeddedStore? _memory;
    private readonly DrivenStore? _driven;
    private readonly ChangeFeed? _feed;
    private readonly SingleThread? _thread;

    public WatchedStore(TestTime time, EmbeddedStoreOptions? options = null)
    {
        options ??= new();
        _feed = new ChangeFeed(options.FeedMemoryBytes, threads: DrivenFeed.Threads);
        _memory = new EmbeddedStore(new Keyspace(time, options), new InMemoryCommitLog(_feed), options, time);

        // The history begins with the first watch.
        _memory.Watch(new WatchQuery(), () => { }).Dispose();
        Calls = _memory;
    }

    public WatchedStore(IDisk disk, CrashProfile profile, TestTime time, ILogger? logger = null)
    {
        _driven = DrivenStore.Open(disk, profile, time, logger);
        Start = _driven.Version;
        _thread = new SingleThread();
        Calls = _driven.Calls;
    }

    public IKeyValueStore Calls { get; }

    public StoreStats Stats => Calls.GetStats();

    public DrivenStore Driven => _driven!;

    /// <summary>The version after which the versions of this process begin.</summary>
    public long Start { get; }

    /// <summary>Writes and syncs all commits, and dispatches them to the watches.</summary>
    public void Settle()
    {
        _driven?.Write(sync: true);
        _driven?.DispatchFeed();
        while (_feed?.Dispatch() == true)
        {
        }
    }

    public void Execute(params Operation[] operations)
    {
        foreach (Operation operation in operations)
        {
            ValueTask<int> call = Calls.ExecuteAsync(new[] { operation }, new CountingSink());
            for (int i = 0; !call.IsCompleted && i < RoundsMax; i++)
            {
                // The call may wait for a segment.
                _driven?.Write(sync: true);
                _thread?.Run();
            }
            Assert.Equal(1, call.Completed());
        }
        Settle();
    }

    public void Put(int count, string prefix = "k", int valueBytes = 1)
    {
        for (int i = 0; i < count; i++) Execute(Operations.Put($"{prefix}{i}", new string('1', valueBytes)));
    }

    public void Commit(params Operation[] batch)
    {
        _ = Calls.CommitAsync(batch, new CountingSink()).AsTask();
        Settle();
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _driven?.Dispose();
        _thread?.Dispose();
    }
}

internal static class Operations
{
    public static Operation Put(string key, string value, long expiresAt = Operation.Never) =>
        Operation.Put(Bytes(key), Bytes(value), expiresAt);

    public static Operation Delete(string key) => Operation.Delete(Bytes(key));

    public static Operation Expire(string key, long expiresAt) => Operation.Expire(Bytes(key), expiresAt);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
