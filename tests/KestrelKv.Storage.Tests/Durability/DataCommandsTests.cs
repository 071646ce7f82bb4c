using System.Text;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

public sealed class DataCommandsTests : IDisposable
{
    private const string Snapshot100 = "0000000000000000100.snapshot";

    private readonly TemporaryDirectory _directory = new();
    private readonly TemporaryDirectory _elsewhere = new();

    private DataOptions Options => new()
    {
        Directory = _directory.Path, SegmentBytes = DataOptions.SegmentBytesMin, SnapshotOnStop = false,
    };

    public void Dispose()
    {
        _directory.Dispose();
        _elsewhere.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restore_Backup_RestoresItsState(bool intoAnEmptyDirectory)
    {
        string backup = await MakeBackupAsync();
        if (intoAnEmptyDirectory) DeleteFiles();

        IReadOnlyList<string> report = DataCommands.Restore(Options, backup);

        Assert.Contains("100", report[0], StringComparison.Ordinal);
        Assert.Equal(!intoAnEmptyDirectory, Directory.GetDirectories(_directory.Path).Length == 1);
        await using DataDirectory store = Open();
        long start = store.Store.GetStats().Version;
        Assert.InRange(start, 110 + VersionRange.Stride, long.MaxValue);
        Assert.Equal(100, store.Store.GetStats().Keys);
        await PutAsync(store, 100, 1);
        Assert.Equal(start + 1, store.Store.GetStats().Version);
    }

    /// <summary>As after the clock was set back: the old files contain versions far ahead of it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restore_VersionsAheadOfTheClock_BeginsAboveThem(bool interrupted)
    {
        string backup = await MakeBackupAsync();
        var ahead = new TestTime(DateTimeOffset.UtcNow.AddYears(30));
        long last;
        await using (DataDirectory store = Open(ahead))
        {
            await PutAsync(store, 100, 1);
            last = store.Store.GetStats().Version;
        }
        if (interrupted) InterruptRestore(backup);

        DataCommands.Restore(Options, backup);

        await using DataDirectory restored = Open();
        Assert.InRange(restored.Store.GetStats().Version, last + VersionRange.Stride, long.MaxValue);
    }

    [Fact]
    public async Task Restore_Backup_DropsTheOldHistory()
    {
        string backup = await MakeBackupAsync();
        await using (DataDirectory before = Open()) Assert.Equal(1, before.Store.GetStats().OldestVersion);

        DataCommands.Restore(Options, backup);

        await using DataDirectory store = Open();
        long start = store.Store.GetStats().Version;
        Assert.InRange(store.Store.GetStats().OldestVersion, 111, start + 1);
        foreach (long from in (long[])[1, 100, 101, 102, 111, start - 1])
        {
            using IWatch past = store.Store.Watch(new WatchQuery { From = from }, () => { });
            Assert.Equal(WatchStatus.Compacted, await past.ReadAsync(new RecordingChangeSink()));
        }
        using IWatch next = store.Store.Watch(new WatchQuery { From = start + 1 }, () => { });
        Assert.Equal(WatchStatus.UpToDate, await next.ReadAsync(new RecordingChangeSink()));
    }

    [Fact]
    public async Task Salvage_HistoryBeforeTheSnapshot_RestoresNoDeletedEntry()
    {
        await using (DataDirectory store = Open())
        {
            // The values are so long that the deletion is in another segment.
            await PutAsync(store, 0, 600_000);
            await PutAsync(store, 1, 600_000);
            await store.Store.ExecuteAsync(new[] { Operation.Delete("key000"u8.ToArray()) }, new CountingSink());
            await PutAsync(store, 2, 600_000);
            await store.SnapshotAsync();
            await PutAsync(store, 3, 1);
            Assert.Equal(1, store.Store.GetStats().OldestVersion);
        }

        string report = string.Join('\n', DataCommands.Salvage(Options));

        Assert.Contains("Recovered 3 keys", report, StringComparison.Ordinal);
        Assert.Contains("No data was lost", report, StringComparison.Ordinal);
        await using DataDirectory again = Open();
        Assert.Equal(3, again.Store.GetStats().Keys);
        Assert.InRange(again.Store.GetStats().OldestVersion, 5 + VersionRange.Stride, again.Store.GetStats().Version + 1);
        using IWatch last = again.Store.Watch(new WatchQuery { From = 6 }, () => { });
        Assert.Equal(WatchStatus.Compacted, await last.ReadAsync(new RecordingChangeSink()));
    }

    [Fact]
    public async Task Restore_DamagedBackup_ChangesNothing()
    {
        string backup = await MakeBackupAsync();
        byte[] bytes = File.ReadAllBytes(backup);
        string[] before = _directory.Files;
        for (int i = 0; i < bytes.Length; i += 97)
        {
            bytes[i] ^= 4;
            File.WriteAllBytes(backup, bytes);
            Assert.Contains(
                "offset", Assert.Throws<DataException>(() => DataCommands.Restore(Options, backup)).Message, StringComparison.Ordinal);
            bytes[i] ^= 4;
        }
        Assert.Equal(before, _directory.Files);
    }

    [Fact]
    public async Task Restore_DiskFailsBeforeTheMoves_ReportsThatNoFileWasMoved()
    {
        string backup = await MakeBackupAsync();
        string[] before = _directory.Files;
        Directory.CreateDirectory(_directory.PathOf("replacement-writing.tmp"));

        string message = Assert.Throws<DataException>(() => DataCommands.Restore(Options, backup)).Message;

        Assert.EndsWith("; no data file was moved", message, StringComparison.Ordinal);
        Assert.Equal(before, _directory.Files);
    }

    [Fact]
    public async Task Restore_DiskFailsAfterTheMoves_ReportsTheMovedFiles()
    {
        string backup = await MakeBackupAsync();
        string[] obstacles = [.. Enumerable.Range(1, 3).Select(i => _directory.PathOf(FileNames.OfSegment(i) + FileNames.Unfinished))];
        foreach (string obstacle in obstacles) Directory.CreateDirectory(obstacle);

        string message = Assert.Throws<DataException>(() => DataCommands.Restore(Options, backup)).Message;

        string directory = Assert.Single(Directory.GetDirectories(_directory.Path, "before-restore-*"));
        string[] moved = [.. Directory.GetFiles(directory).Select(file => Path.GetFileName(file)!)];
        Assert.Contains(Snapshot100, moved);
        Assert.Contains($"these data files were moved to {directory}: ", message, StringComparison.Ordinal);
        Assert.All(moved, name => Assert.Contains(name, message, StringComparison.Ordinal));

        foreach (string obstacle in obstacles) Directory.Delete(obstacle);
        DataCommands.Restore(Options, backup);
        await using DataDirectory store = Open();
        Assert.Equal(100, store.Store.GetStats().Keys);
    }

    [Fact]
    public async Task Restore_DirectoryInUse_Fails()
    {
        string backup = await MakeBackupAsync();
        await using DataDirectory store = Open();
        Assert.Contains(
            "in use", Assert.Throws<DataException>(() => DataCommands.Restore(Options, backup)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_InterruptedRestore_FailsUntilSalvageCompletesIt()
    {
        string backup = await MakeBackupAsync();
        File.WriteAllText(_directory.PathOf(FileNames.Replacing), "");
        File.Copy(backup, _directory.PathOf("replacement.tmp"));

        Assert.Contains("was interrupted", Assert.Throws<DataException>(Open).Message, StringComparison.Ordinal);
        DataCommands.Salvage(Options);

        await using DataDirectory store = Open();
        Assert.Equal(100, store.Store.GetStats().Keys);
        Assert.InRange(store.Store.GetStats().Version, 110 + VersionRange.Stride, long.MaxValue);
    }

    [Fact]
    public async Task Restore_InterruptedAndRepeatedOnAFailingDisk_IsStillCompletedBySalvage()
    {
        string backup = await MakeBackupAsync();
        File.WriteAllText(_directory.PathOf(FileNames.Replacing), "");
        File.Copy(backup, _directory.PathOf("replacement.tmp"));
        string obstacle = _directory.PathOf("replacement-writing.tmp");
        Directory.CreateDirectory(obstacle);
        Assert.Throws<DataException>(() => DataCommands.Restore(Options, backup));
        Directory.Delete(obstacle);

        DataCommands.Salvage(Options);

        Assert.Single(Directory.GetDirectories(_directory.Path, "before-*"));
        await using DataDirectory store = Open();
        Assert.Equal(100, store.Store.GetStats().Keys);
    }

    [Fact]
    public async Task Salvage_DamagedLog_RecoversOtherCommitsAndReportsTheLoss()
    {
        await using (DataDirectory store = Open())
            for (int i = 0; i < 50; i++) await PutAsync(store, i, 1);
        string log = _directory.PathOf("0000000000000000001.log");
        byte[] bytes = File.ReadAllBytes(log);
        bytes[IndexOfKey(bytes, 20)] ^= 1;
        File.WriteAllBytes(log, bytes);

        string refusal = Assert.Throws<DataException>(Open).Message;
        Assert.Contains("0000000000000000001.log, offset", refusal, StringComparison.Ordinal);
        Assert.Contains("salvage", refusal, StringComparison.Ordinal);
        string report = string.Join('\n', DataCommands.Salvage(Options));

        Assert.Contains("Recovered 49 keys", report, StringComparison.Ordinal);
        Assert.Contains("Commits 21 to 21", report, StringComparison.Ordinal);
        await using DataDirectory again = Open();
        Assert.Equal(49, again.Store.GetStats().Keys);
        Assert.InRange(again.Store.GetStats().Version, 50 + VersionRange.Stride, long.MaxValue);
    }

    [Fact]
    public async Task Salvage_DamagedSnapshot_RecoversTheOtherEntries()
    {
        await MakeBackupAsync();
        string snapshot = _directory.PathOf(Snapshot100);
        byte[] bytes = File.ReadAllBytes(snapshot);
        bytes[^30] ^= 1;
        File.WriteAllBytes(snapshot, bytes);

        Assert.Contains($"{Snapshot100}, offset", Assert.Throws<DataException>(Open).Message, StringComparison.Ordinal);
        string report = string.Join('\n', DataCommands.Salvage(Options));

        Assert.Contains("Recovered 110 keys", report, StringComparison.Ordinal);
        await using DataDirectory again = Open();
        Assert.Equal(110, again.Store.GetStats().Keys);
        Assert.InRange(again.Store.GetStats().Version, 110 + VersionRange.Stride, long.MaxValue);
    }

    [Fact]
    public async Task Open_LaterFormat_Fails()
    {
        await using (DataDirectory store = Open()) await PutAsync(store, 0, 1);
        string log = _directory.PathOf("0000000000000000001.log");
        byte[] bytes = File.ReadAllBytes(log);
        bytes[8] = 2;
        BitConverter.TryWriteBytes(bytes.AsSpan(60), Checksum.Of(0, bytes.AsSpan(0, 60)));
        File.WriteAllBytes(log, bytes);

        Assert.Contains("the file has format version 2", Assert.Throws<DataException>(Open).Message, StringComparison.Ordinal);
        Assert.Contains(
            "the file has format version 2", Assert.Throws<DataException>(() => DataCommands.Salvage(Options)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Creates a directory with 110 keys, and a backup of the first 100.</summary>
    private async Task<string> MakeBackupAsync()
    {
        await using DataDirectory store = Open();
        for (int i = 0; i < 100; i++) await PutAsync(store, i, 500);
        string backup = _elsewhere.PathOf("backup");
        (SnapshotInfo snapshot, Stream file) = await store.OpenBackupAsync();
        await using (file)
        await using (FileStream copy = File.Create(backup)) await file.CopyToAsync(copy);
        Assert.Equal((100, snapshot.Bytes), (snapshot.Version, new FileInfo(backup).Length));
        for (int i = 100; i < 110; i++) await PutAsync(store, i, 1);
        return backup;
    }

    private static async Task PutAsync(DataDirectory store, int key, int valueBytes) => await store.Store.ExecuteAsync(
        new[] { Operation.Put(Encoding.UTF8.GetBytes($"key{key:D3}"), Encoding.UTF8.GetBytes(new string('1', valueBytes))) },
        new CountingSink());

    private static int IndexOfKey(byte[] bytes, int key) => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"key{key:D3}"));

    /// <summary>Interrupts a restore after it has moved the old files.</summary>
    private void InterruptRestore(string backup)
    {
        using var disk = new FileDisk(_directory.Path);
        var replacement = new Replacement(disk, "restore");
        replacement.Write(to => to.Write(File.ReadAllBytes(backup), 0));
        string obstacle = _directory.PathOf(FileNames.OfSegment(1) + FileNames.Unfinished);
        Directory.CreateDirectory(obstacle);
        Assert.ThrowsAny<Exception>(() => replacement.Replace(1, new SnapshotEnd(100, 100, 1, 0)));
        Directory.Delete(obstacle);
    }

    private void DeleteFiles()
    {
        foreach (string file in Directory.GetFiles(_directory.Path)) File.Delete(file);
    }

    private DataDirectory Open() => Open(TimeProvider.System);

    private DataDirectory Open(TimeProvider time) =>
        DataDirectory.Open(Options, new EmbeddedStoreOptions(), time, NullLoggerFactory.Instance);
}
