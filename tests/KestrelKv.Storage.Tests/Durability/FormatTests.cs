using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Files that the first version of this program wrote, before version jumps existed: a data directory (segments before and after a
/// snapshot, batches, request ids, expiries), a backup, and the expected contents of each.
/// </summary>
public sealed class FormatTests : IDisposable
{
    private static readonly string Fixtures = Repository.PathTo("tests", "KestrelKv.Storage.Tests", "Fixtures", "Format1");

    private readonly TemporaryDirectory _directory = new();

    private DataOptions Options => new()
    {
        Directory = _directory.Path, SegmentBytes = DataOptions.SegmentBytesMin, SnapshotOnStop = false, HistoryTime = TimeSpan.Zero,
    };

    public void Dispose() => _directory.Dispose();

    /// <summary>A clock at the time at which the files were written, when their idempotency records had not expired.</summary>
    private static TestTime WhenWritten() => new(DateTimeOffset.FromUnixTimeSeconds(1_795_850_000));

    [Fact]
    public async Task Open_DirectoryOfTheFirstVersion_HasAllEntriesAndTheHistory()
    {
        UnpackDirectory();
        (long version, string[] entries) = Expected("directory.txt");
        await using (DataDirectory store = Open(WhenWritten()))
        {
            Assert.Equal(version, store.LastRecovered);
            Assert.Equal(entries, await ListAsync(store));
            Assert.Equal(1, store.Store.GetStats().OldestVersion);

            using IWatch watch = store.Store.Watch(new WatchQuery { From = 1 }, () => { });
            var changes = new RecordingChangeSink();
            while (await watch.ReadAsync(changes) == WatchStatus.More)
            {
            }
            Assert.Equal((1, version), (changes.Versions.First(), changes.Versions.Last()));
            Assert.Equal(store.Store.GetStats().Version, watch.Position);
        }
        await using DataDirectory again = Open();
        Assert.Equal(entries, await ListAsync(again));
    }

    [Fact]
    public async Task Commit_RequestIdOfTheFirstVersion_IsNotExecutedAgain()
    {
        UnpackDirectory();

        await using DataDirectory store = Open(WhenWritten());
        long before = store.Store.GetStats().Version;
        Operation[] batch =
        [
            Operation.Put("a:batch"u8.ToArray(), "[32]"u8.ToArray()), Operation.Delete("a:16"u8.ToArray()),
            Operation.Put(Encoding.UTF8.GetBytes("a:é32"), "1.0"u8.ToArray()),
        ];
        Assert.True(await store.Store.CommitAsync(batch, new CountingSink(), new("request-a-32"u8.ToArray())));
        Assert.Equal(before, store.Store.GetStats().Version);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restore_BackupOfTheFirstVersion_HasAllEntries(bool overADirectory)
    {
        if (overADirectory) UnpackDirectory();
        string backup = _directory.PathOf("backup");
        Unpack("backup.gz", backup);
        DataCommands.Restore(Options, backup);
        await using DataDirectory store = Open();
        Assert.Equal(Expected("backup.txt").Entries, await ListAsync(store));
    }

    private DataDirectory Open(TimeProvider? time = null) =>
        DataDirectory.Open(Options, new EmbeddedStoreOptions(), time ?? TimeProvider.System, NullLoggerFactory.Instance);

    private void UnpackDirectory()
    {
        foreach (string file in Directory.GetFiles(Fixtures, "0*.gz"))
            Unpack(file, _directory.PathOf(Path.GetFileNameWithoutExtension(file)));
    }

    private static void Unpack(string name, string to)
    {
        using var from = new GZipStream(File.OpenRead(Path.Combine(Fixtures, name)), CompressionMode.Decompress);
        using FileStream file = File.Create(to);
        from.CopyTo(file);
    }

    /// <summary>
    /// Returns the version of the last commit, and for each entry its key, version, expiry, and the first half of the SHA-256 of its
    /// value.
    /// </summary>
    private static (long Version, string[] Entries) Expected(string name)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Fixtures, name));
        return (long.Parse(lines[0], CultureInfo.InvariantCulture), lines[1..]);
    }

    private static async Task<string[]> ListAsync(DataDirectory store)
    {
        var sink = new RecordingEntrySink();
        await store.Store.ListAsync(new ListQuery { Limit = int.MaxValue }, sink);
        return [.. sink.Entries.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Key} {entry.Version} {entry.ExpiresAt} {Digest(entry.Value)}"))];
    }

    private static string Digest(string value) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(value)))[..16];
}
