using System.Text;
using KestrelKv.Storage.Tests;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Calls with texts as keys and values.</summary>
internal static class Calls
{
    public static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Opens a store on a server without a standby.</summary>
    public static Task<PostgresStore> OpenAsync(
        PostgresServer server, string schema, TimeProvider? time = null, int? port = null, double requestSeconds = 10) =>
        OpenAsync(PostgresServer.Connection(port ?? server.Port), schema, time, requestSeconds: requestSeconds);

    /// <summary>Opens a store by its connection string.</summary>
    public static Task<PostgresStore> OpenAsync(
        string connection, string schema, TimeProvider? time = null, double requestSeconds = 10, bool standby = false, int sessionsMax = 16,
        ILogger? logger = null, PostgresMetrics? metrics = null) => PostgresStore.OpenAsync(
        new()
        {
            ConnectionString = connection, Schema = schema, SynchronousStandby = standby, SessionsMax = sessionsMax,
            RequestTimeout = TimeSpan.FromSeconds(requestSeconds), FeedRetention = TimeSpan.FromMinutes(1),
        },
        time ?? TimeProvider.System, logger, metrics);

    public static async Task<Recorded> ExecuteAsync(this IKeyValueStore store, Operation operation)
    {
        var sink = new RecordingSink();
        await store.ExecuteAsync(new[] { operation }, sink);
        return Assert.Single(sink.Results);
    }

    public static Task<Recorded> PutAsync(this IKeyValueStore store, string key, string value, long expiresAt = Operation.Never) =>
        store.ExecuteAsync(Operation.Put(Utf8(key), Utf8(value), expiresAt));

    public static Task<Recorded> GetAsync(this IKeyValueStore store, string key, bool fenced = true) =>
        store.ExecuteAsync(Operation.Get(Utf8(key)) with { AcknowledgeFromMemory = !fenced });

    /// <summary>Reads an entry, and repeats the read if it is late on a busy machine.</summary>
    public static async Task<Recorded> GetPatientlyAsync(this IKeyValueStore store, string key, bool fenced = true)
    {
        while (true)
        {
            try
            {
                return await store.GetAsync(key, fenced);
            }
            catch (StoreUnavailableException)
            {
                // The tests of lost replies have short timeouts.
            }
        }
    }

    public static Task<Recorded> IncrementAsync(this IKeyValueStore store, string key, RequestId id = default) =>
        store.ExecuteAsync(Operation.Increment(Utf8(key), Utf8("1")) with { RequestId = id });

    /// <summary>Increments a counter, and repeats calls that were not executed. Returns the number of acknowledged increments.</summary>
    public static async Task<long> CountAsync(PostgresStore store, string key, CancellationToken stop)
    {
        long acknowledged = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Assert.Equal($"{acknowledged + 1}", (await store.IncrementAsync(key)).Value);
                acknowledged++;
            }
            catch (Exception e) when (e is DurabilityLostException or StoreUnavailableException)
            {
                // Surely not executed.
            }
        }
        return acknowledged;
    }
}
