using System.Text;
using KestrelKv.Storage.Tests;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Calls with texts as keys and values.</summary>
internal static class Calls
{
    public static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static Task<PostgresStore> OpenAsync(
        PostgresServer server, string schema, TimeProvider? time = null, int? port = null, double requestSeconds = 10) =>
        OpenAsync(PostgresServer.Connection(port ?? server.Port), schema, time, requestSeconds);

    public static Task<PostgresStore> OpenAsync(
        string connectionString, string schema, TimeProvider? time = null, double requestSeconds = 10) => PostgresStore.OpenAsync(
        new()
        {
            ConnectionString = connectionString, Schema = schema, RequestTimeout = TimeSpan.FromSeconds(requestSeconds),
            FeedRetention = TimeSpan.FromMinutes(1),
        },
        time ?? TimeProvider.System);

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
}
