using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Export;

/// <summary>One export.</summary>
/// <remarks>
/// A watch begins before the first page, and its changes are spooled. The entries of the pages are from different points in time, none older
/// than the version at which the watch began. The changes after this version, applied to the entries, therefore give the exact state at the
/// version up to which the watch has reported, if no page is newer.
/// </remarks>
internal sealed class Exporter(Session session, string prefix, string? path, ExportLines lines)
{
    // How long the end of an export of a quiet prefix waits for the version that the watch has reached.
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromMilliseconds(100);

    private readonly byte[] _prefix = EntryJson.String(prefix);
    private readonly ProgressDisplay _progress = new(session.Terminal, "keys");
    private readonly ByteText _text = new(512 * 1024);

    private readonly ExportEnd _end = new();

    // The newest version of the pages.
    private long _newestEntry;

    /// <summary>Executes the export.</summary>
    /// <param name="resumes">Whether an interrupted export continues.</param>
    /// <param name="stop">Interrupts it.</param>
    public async Task RunAsync(bool resumes, CancellationToken stop)
    {
        await using KestrelKvClient client = await TransferClient.ConnectAsync(session, stop);
        if (resumes) ExportFile.ThrowIfMissing(path!);

        // The lock of the spool keeps another export from cutting the file.
        using ChangeSpool spool = resumes ? await ChangeSpool.ResumeAsync(ExportFile.ChangesOf(path!), stop)
            : ChangeSpool.Create(path is null ? null : ExportFile.ChangesOf(path));
        using ExportFile file = resumes ? await ExportFile.ResumeAsync(path!, line => lines.IsHeader(line.Span, _prefix), stop)
            : ExportFile.Create(path, session.Terminal);
        if (resumes && (!file.HasHeader || spool.Position < 0))
            throw CommandFailure.Failed("nothing_to_resume", "The export was interrupted before its first entry. Start it without --resume");
        try
        {
            await _progress.RunAsync("export", () => CopyAsync(client, file, spool, stop));
        }
        catch (RefusedException e) when (e.IsHistoryLost)
        {
            throw CommandFailure.Failed("compacted",
                $"The server no longer keeps the changes after version {spool.Position}, so the export cannot become consistent. " +
                $"Start it again without --resume. If it happens again, raise the server's Data:HistoryBytes. {e.Message}");
        }
        catch (Exception e) when (e is OperationCanceledException or KestrelKvException)
        {
            ReportPosition(file);
            throw;
        }
        Report(file, spool);
    }

    private async Task CopyAsync(KestrelKvClient client, ExportFile file, ChangeSpool spool, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var begun = new TaskCompletionSource();
        Task spooling = SpoolAsync(client, spool, begun, end.Token);
        try
        {
            await Task.WhenAny(begun.Task, spooling);
            if (spooling.IsFaulted) await spooling;
            await CopyEntriesAsync(client, file, spool, spooling, stop);
            long last = await ScanPages.LastVersionAsync(client, _prefix, stop);
            _end.Fix(Math.Max(last, _newestEntry));
            await spooling;
        }
        finally
        {
            // The failure of the watch is thrown above, unless another one came first.
            await end.CancelAsync();
            await spooling.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            spool.WritePosition();
        }
        await FinishAsync(file, spool, stop);
    }

    /// <summary>Adds the changes to the spool until the last version of the export has been reported.</summary>
    private async Task SpoolAsync(KestrelKvClient client, ChangeSpool spool, TaskCompletionSource begun, CancellationToken stop)
    {
        var options = new WatchOptions { FromVersion = spool.Position < 0 ? null : spool.Position + 1, ProgressInterval = BookmarkInterval };
        var entries = new CurrentEntries(client);
        await foreach (ReadOnlyMemory<byte> reply in client.WatchUtf8Async(prefix, options, stop))
        {
            Dictionary<string, CurrentEntry> current = await entries.ReadAsync(CurrentEntries.KeysOf(reply.Span), stop);
            if (current.Count > 0) _end.Require(current.Values.Max(entry => entry.Version));
            spool.Add(reply.Span, lines, current);
            begun.TrySetResult();
            if (_end.IsReachedBy(spool.Position)) return;
        }
    }

    private async Task CopyEntriesAsync(KestrelKvClient client, ExportFile file, ChangeSpool spool, Task spooling, CancellationToken stop)
    {
        if (!file.HasHeader) lines.Header(_text, _prefix, spool.Position);
        _progress.Count = file.Entries;
        if (_progress.IsVisible) _progress.Total = await client.CountAsync(prefix, cancellationToken: stop);
        _progress.Start();
        await foreach (ReadOnlyMemory<byte> page in ScanPages.ReadAsync(client, _prefix, file.LastKey, stop))
        {
            if (spooling.IsFaulted) await spooling;
            AddPage(page.Span, file);
            await file.WriteAsync(_text, stop);
            (_progress.Count, _progress.Bytes) = (file.Entries, _progress.Bytes + _text.Length);
            _text.Clear();
        }
    }

    private void AddPage(ReadOnlySpan<byte> page, ExportFile file)
    {
        var reader = new EntryReader(page);
        while (reader.TryRead(out EntrySlice entry))
        {
            lines.Entry(_text, entry);
            file.Entries++;
            _newestEntry = Math.Max(_newestEntry, entry.VersionNumber);
        }
        _newestEntry = Math.Max(_newestEntry, reader.Version);
    }

    private async Task FinishAsync(ExportFile file, ChangeSpool spool, CancellationToken stop)
    {
        ExportLines.Changes(_text, spool.Position);
        await file.WriteAsync(_text, stop);
        await spool.CopyToAsync(file.Stream, stop);
        _text.Clear();
        ExportLines.End(_text, spool.Position, file.Entries, spool.Changes);
        await file.WriteAsync(_text, stop);
        file.Complete();
        spool.Delete();
    }

    private void ReportPosition(ExportFile file)
    {
        if (!file.IsFile)
            session.Terminal.Error.WriteLine($"kkv: The export is incomplete: {file.Entries} entries were written, without an end line.");
        else session.Terminal.Error.WriteLine(
            $"kkv: The export was interrupted after {file.Entries} entries. Continue it with the same command and --resume.");
    }

    private void Report(ExportFile file, ChangeSpool spool)
    {
        string sentence = $"Exported {file.Entries} entries and {spool.Changes} changes at version {spool.Position}.";
        if (!file.IsFile)
        {
            if (session.Terminal.IsErrorTerminal) session.Terminal.Error.WriteLine(sentence);
            return;
        }
        session.Report(sentence, json =>
        {
            json.WriteString("file", path);
            json.WriteNumber("version", spool.Position);
            json.WriteNumber("entries", file.Entries);
            json.WriteNumber("changes", spool.Changes);
        });
    }
}
