using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A data directory whose files are deleted, moved or replaced while the store is open.</summary>
public sealed class LostDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestTime _time = new();

    private string Data => _directory.PathOf("data");

    private string Lock => Path.Combine(Data, "lock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Open_LockFileDeleted_Fails()
    {
        if (!OperatingSystem.IsLinux()) return; // Other systems cannot delete an open file, or have only one lock.
        await using DataDirectory store = await OpenPreparedAsync();
        File.Delete(Lock);
        Assert.Contains("in use", Assert.Throws<DataException>(Open).Message, StringComparison.Ordinal);
        Assert.Equal(ResultStatus.Done, await PutAsync(store));
    }

    [Fact]
    public async Task Open_DirectoryMoved_Fails()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        Directory.Move(Data, _directory.PathOf("moved"));
        DataException e = Assert.Throws<DataException>(() => new FileDisk(_directory.PathOf("moved")));
        Assert.Contains($"in use by process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_LockFileDeleted_LocksItAgain()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        File.Delete(Lock);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Libc.OpenLocked(Lock).IsLocked);
        Assert.Equal(ResultStatus.Done, await PutAsync(store));
    }

    /// <summary>As on a network file system that cannot lock directories.</summary>
    [Fact]
    public async Task Store_LockFileReplacedByAnotherProcess_RefusesWrites()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        File.Delete(Lock);
        using (Libc.OpenLocked(Lock).File) await AssertFailsAsync(store, "in use");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Store_DirectoryMissing_RefusesWrites(bool isMoved)
    {
        if (OperatingSystem.IsWindows()) return; // Windows cannot delete an open file.
        await using DataDirectory store = await OpenPreparedAsync();
        Assert.Equal(ResultStatus.Done, await PutAsync(store));
        if (isMoved) Directory.Move(Data, _directory.PathOf("moved"));
        else Directory.Delete(Data, recursive: true);
        await AssertFailsAsync(store, Data);
        var read = new RecordingSink();
        await store.Store.ExecuteAsync(new[] { Operation.Get("key"u8.ToArray()) }, read);
        Assert.Equal(ResultStatus.Done, Assert.Single(read.Results).Status);
    }

    /// <summary>Checks of an idle store are rare. A write makes them frequent again.</summary>
    [Fact]
    public async Task Write_DirectoryLostWhileIdle_IsCheckedWithinOneSecond()
    {
        if (OperatingSystem.IsWindows()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        for (int i = 0; i < 15; i++) _time.Advance(TimeSpan.FromSeconds(1));
        Directory.Move(Data, _directory.PathOf("moved"));
        Assert.Equal(ResultStatus.Done, await PutAsync(store));
        await AssertFailsAsync(store, Data);
    }

    [Fact]
    public async Task Store_DirectoryReplacedByCopy_RefusesWrites()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        string moved = _directory.PathOf("moved");
        Directory.Move(Data, moved);
        Directory.CreateDirectory(Data);
        foreach (string file in Directory.GetFiles(moved, "*.log")) File.Copy(file, Path.Combine(Data, Path.GetFileName(file)));
        await AssertFailsAsync(store, "moved or replaced");
    }

    [Theory]
    [InlineData("0000000000000000001.log")]
    [InlineData("0000000000000000001.snapshot")]
    public async Task Store_NeededFileMissing_RefusesWrites(string name)
    {
        if (OperatingSystem.IsWindows()) return;
        await using DataDirectory store = await OpenPreparedAsync();
        Assert.Equal(ResultStatus.Done, await PutAsync(store));
        await store.SnapshotAsync();
        File.Delete(Path.Combine(Data, name));
        await AssertFailsAsync(store, name);
    }

    /// <summary>Files are created and deleted while the directory is checked continuously.</summary>
    [Fact]
    public async Task Store_SegmentsAndSnapshotsReplaced_PassesChecks()
    {
        await using DataDirectory store = await OpenPreparedAsync();
        using var stop = new CancellationTokenSource();
        Task checking = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested) store.VerifyDirectory();
        });
        try
        {
            for (int i = 0; i < 60; i++)
            {
                Assert.Equal(ResultStatus.Done, await PutAsync(store, valueBytes: 300_000));
                if (i % 5 == 0) await store.SnapshotAsync();
            }
        }
        finally
        {
            await stop.CancelAsync();
            await checking;
        }
        Assert.Equal(DiskState.Ok, store.GetStats().Disk);
    }

    private async Task AssertFailsAsync(DataDirectory store, string reason)
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ResultStatus.DiskFailed, await PutAsync(store));
        Assert.Equal(DiskState.Failed, store.GetStats().Disk);
        Assert.Contains(reason, store.GetStats().DiskError, StringComparison.Ordinal);
    }

    private static async Task<ResultStatus> PutAsync(DataDirectory store, int valueBytes = 1)
    {
        var sink = new RecordingSink();
        byte[] value = new byte[valueBytes];
        Array.Fill(value, (byte)'1');
        await store.Store.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), value) }, sink).AsTask().WaitAsync(Wait.Patience);
        return Assert.Single(sink.Results).Status;
    }

    /// <summary>Opens the store and waits for the next segment. No other file is created or renamed afterwards.</summary>
    private async Task<DataDirectory> OpenPreparedAsync()
    {
        DataDirectory store = Open();
        await Wait.UntilAsync(() => File.Exists(Path.Combine(Data, FileNames.OfSegment(2))), () => "no segment is prepared");
        return store;
    }

    private DataDirectory Open() => DataDirectory.Open(
        new DataOptions { Directory = Data, SegmentBytes = DataOptions.SegmentBytesMin, SnapshotInterval = TimeSpan.Zero, HistoryBytes = 1 << 20 },
        new EmbeddedStoreOptions(), _time, NullLoggerFactory.Instance);
}
