using KestrelKv.Storage.Tests;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The contract of every store, without deviations.</summary>
[Collection(SharedServer.Name)]
public sealed class PostgresStoreContractTests(PostgresServer server) : StoreContractTests
{
    protected override IKeyValueStore Create(TimeProvider time)
    {
        var settling = new SettlingTime(time);
        var options = new PostgresStoreOptions
        {
            ConnectionString = server.ConnectionString, Schema = PostgresServer.NewSchema(), SynchronousStandby = false,
        };
        PostgresStore store = Task.Run(() => PostgresStore.OpenAsync(options, settling)).GetAwaiter().GetResult();
        settling.Store = store;
        return store;
    }

    /// <summary>
    /// A clock whose timers return after the background removal that they start. The tests expect its effect at once.
    /// </summary>
    private sealed class SettlingTime(TimeProvider time) : TimeProvider
    {
        public PostgresStore? Store { get; set; }

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => time.CreateTimer(
            value => Task.Run(async () =>
            {
                callback(value);
                await Store!.Sweeping;
            }).GetAwaiter().GetResult(),
            state, dueTime, period);
    }
}
