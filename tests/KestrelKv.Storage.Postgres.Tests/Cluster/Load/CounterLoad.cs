using System.Globalization;
using KestrelKv.Storage.Tests;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>
/// A counter that one caller increments, each time through another store. It repeats a call under its request id until the call is
/// acknowledged, so each sum is exact.
/// </summary>
internal sealed class CounterLoad(LoadState load, string key)
{
    private readonly string _id = Guid.NewGuid().ToString();

    /// <summary>The number of acknowledged increments.</summary>
    public long Sum { get; private set; }

    /// <summary>The version of the last one.</summary>
    public long Version { get; private set; }

    public string Key => key;

    /// <summary>Increments until the load stops.</summary>
    public async Task RunAsync(Random random)
    {
        while (!load.IsStopping) await IncrementAsync(random);
    }

    private async Task IncrementAsync(Random random)
    {
        var id = new RequestId(Calls.Utf8(_id), Sum + 1);
        while (true)
        {
            try
            {
                Recorded result = await load.StoreOf(random).IncrementAsync(key, id);
                Assert.Equal((Sum + 1).ToString(CultureInfo.InvariantCulture), result.Value);
                (Sum, Version) = (Sum + 1, result.Version);
                load.CountWrite();
                return;
            }
            catch (Exception e) when (e is StoreUnavailableException or OutcomeUnknownException)
            {
                // The request id makes the repetition safe.
            }
        }
    }
}
