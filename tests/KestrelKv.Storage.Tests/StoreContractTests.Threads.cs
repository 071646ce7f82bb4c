using System.Globalization;

namespace KestrelKv.Storage.Tests;

/// <summary>Many threads: transfers between accounts, whose sum nobody must ever see change.</summary>
public abstract partial class StoreContractTests
{
    private const int Accounts = 5;
    private const int Balance = 100;
    private const int Writers = 4;
    private const int TransfersEach = 1_500;

    [Fact]
    public async Task CommitAsync_TransfersByManyThreads_KeepTheSumForEveryReader()
    {
        await CommitAsync([.. Enumerable.Range(0, Accounts).Select(i => Put($"account {i}", $"{Balance}"))]);
        Task<List<long>>[] writers = [.. Enumerable.Range(0, Writers).Select(seed => Task.Run(() => TransferAsync(new Random(seed))))];
        Task<int> reader = Task.Run(() => ReadSumsAsync(Task.WhenAll(writers)));

        List<long>[] versions = await Task.WhenAll(writers);
        Assert.InRange(await reader, 1, int.MaxValue);
        Assert.All(versions, own => Assert.Equal(own.Order(), own));

        // Each commit has a version of its own, and there are no others.
        Assert.Equal(
            Enumerable.Range(2, Writers * TransfersEach).Select(version => (long)version),
            versions.SelectMany(own => own).Order());
        Assert.Equal(Writers * TransfersEach + 1, Store.GetStats().Version);
    }

    /// <summary>Its commits' versions, in the order in which it made them.</summary>
    private async Task<List<long>> TransferAsync(Random random)
    {
        List<long> versions = [];
        while (versions.Count < TransfersEach)
        {
            string from = $"account {random.Next(Accounts)}", to = $"account {random.Next(Accounts)}";
            if (from == to) continue;

            Recorded[] read = await CommitAsync(Get(from), Get(to));
            int amount = random.Next(1, 10);
            var sink = new RecordingSink();
            bool committed = await Store.CommitAsync(
                new[]
                {
                    Put(from, $"{Number(read[0]) - amount}", Precondition.Version(read[0].Version)),
                    Put(to, $"{Number(read[1]) + amount}", Precondition.Version(read[1].Version)),
                },
                sink);
            if (!committed) continue;

            Assert.Equal(sink.Results[0].Version, sink.Results[1].Version);
            versions.Add(sink.Results[0].Version);
        }
        return versions;
    }

    /// <summary>How often it has looked.</summary>
    private async Task<int> ReadSumsAsync(Task untilDone)
    {
        Operation[] all = [.. Enumerable.Range(0, Accounts).Select(i => Get($"account {i}"))];
        long newest = 0;
        int looks = 0;
        do
        {
            Recorded[] read = await CommitAsync(all);
            Assert.Equal(Accounts * Balance, read.Sum(Number));
            Assert.InRange(read.Max(result => result.Version), newest, long.MaxValue);
            newest = read.Max(result => result.Version);
            looks++;
        }
        while (!untilDone.IsCompleted);
        return looks;
    }

    private static int Number(Recorded result) => int.Parse(result.Value, CultureInfo.InvariantCulture);
}
