using System.Globalization;
using KestrelKv.Storage.Tests;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>
/// One key that one writer sets to 1, 2, 3 and so on, and that each store reads. With one writer, linearizability can be verified at once
/// for a history of any length: a read returns at least what was acknowledged, or read, before it began, and at most what was sent.
/// </summary>
internal sealed class RegisterLoad(LoadState load, string key)
{
    private long _sent;
    private long _known;

    /// <summary>Runs the writer and the readers until the load stops.</summary>
    public Task RunAsync(Random random) => Task.WhenAll(
        [WriteAsync(random), .. load.Stores.Select(store => Task.Run(() => ReadAsync(store)))]);

    private async Task WriteAsync(Random random)
    {
        while (!load.IsStopping)
        {
            string value = Interlocked.Increment(ref _sent).ToString(CultureInfo.InvariantCulture);

            // The next value must not be sent before the outcome of this one is known. There is one writer, so a repetition is harmless.
            for (bool isDone = false; !isDone;)
            {
                try
                {
                    await load.StoreOf(random).PutAsync(key, value);
                    isDone = true;
                }
                catch (Exception e) when (e is StoreUnavailableException)
                {
                    if (load.IsStopping) return;
                }
                catch (OutcomeUnknownException)
                {
                    // The put may take effect at any later time, and would then overwrite its successors.
                    return;
                }
            }
            Learn(long.Parse(value, CultureInfo.InvariantCulture));
            load.CountWrite();
        }
    }

    private async Task ReadAsync(PostgresStore store)
    {
        while (!load.IsStopping)
        {
            long known = Volatile.Read(ref _known);
            try
            {
                Recorded result = await store.GetAsync(key);
                long value = result.Value.Length == 0 ? 0 : long.Parse(result.Value, CultureInfo.InvariantCulture);
                Assert.InRange(value, known, Volatile.Read(ref _sent));
                Learn(value);
                load.CountRead();
            }
            catch (StoreUnavailableException)
            {
                // The next read asks again.
            }
        }
    }

    private void Learn(long value)
    {
        for (long known; (known = Volatile.Read(ref _known)) < value;)
            if (Interlocked.CompareExchange(ref _known, value, known) == known) return;
    }
}
