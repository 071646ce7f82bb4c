using System.Diagnostics;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Transfer.Export;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary>One import.</summary>
internal sealed class Importer(Session session, ImportOptions options)
{
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    private readonly ProgressDisplay _progress = new(session.Terminal, "keys");
    private readonly ImportLimits _limits = new(session.ClientOptions.KeyBytesMax, options.DepthMax, session.ClientOptions.RequestBytesMax);
    private readonly double _now = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds;
    private BatchQueue _batches = null!;
    private long _savedAt = Stopwatch.GetTimestamp();
    private long _refused;
    private CommandFailure? _failure;

    // The position after the lines that were read, and after those that are applied.
    private ImportState _read = new();
    private ImportState _done = new();

    /// <summary>Executes the import.</summary>
    /// <param name="stop">Interrupts it.</param>
    /// <returns>An exit code.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        await using Stream stream = options.Path is null ? session.Terminal.Input
            : new FileStream(options.Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        if (options.Resumes) _read = _done = ImportState.Load(options.Path!, (FileStream)stream);
        _refused = _read.Refused;
        await using KestrelKvClient? client = options.IsDryRun ? null : await TransferClient.ConnectAsync(session, stop);
        _batches = new(client, OnEnded, Refuse);
        Save();
        try
        {
            await _progress.RunAsync(options.IsDryRun ? "check" : "import", () => CopyAsync(stream, stop));
        }
        catch (Exception e) when (!options.IsDryRun && e is OperationCanceledException or KestrelKvException or CommandFailure)
        {
            ReportPosition();
            throw;
        }
        if (!options.IsDryRun && options.Path is { } path) File.Delete(ImportState.PathOf(path));
        return Report();
    }

    private async Task CopyAsync(Stream stream, CancellationToken stop)
    {
        var lines = new LineReader(stream, _read.Offset, _read.Line);
        double total = stream.CanSeek ? Math.Max(1, stream.Length) : 0;
        ShowProgress(_read, total);
        _progress.Start();
        while (_failure is null && await lines.NextAsync(stop))
        {
            if (_batches.Current.Excludes(lines.Line.Length)) await SendAsync(stop);
            if (lines.Number >= options.FromLine) Take(lines);
            if (_failure is null) _read = _read with { Offset = lines.End, Line = lines.Number };
            if (!_batches.Current.IsFull && lines.Number % ImportBatch.OperationsMax != 0) continue;
            await SendAsync(stop);
            ShowProgress(_done, total);
        }
        await SendAsync(stop);
        await _batches.DrainAsync(stop);
        if (_failure is not null) throw _failure;
    }

    private void ShowProgress(ImportState state, double total) =>
        (_progress.Count, _progress.Bytes, _progress.Done) = (state.Applied, state.Offset, total == 0 ? null : state.Offset / total);

    private ValueTask SendAsync(CancellationToken stop)
    {
        _batches.Current.End = _read;
        return _batches.SendAsync(stop);
    }

    private void Take(LineReader lines)
    {
        try
        {
            ImportLine line = ImportLine.Parse(lines.Line.Span, _limits);
            if (line.Kind >= LineKind.Put) Add(line, lines.Number);
            else if (line.Kind == LineKind.Header) BeginExport(line.Object);
            else if (line.Kind == LineKind.Changes) _read = _read with { IsInChanges = true };
            else if (line.Kind == LineKind.End) EndExport(line.Object);
        }
        catch (JsonException e)
        {
            string message = $"Line {lines.Number}: {PlainMessage.Of(e, hasLines: false)}";
            if (!options.Skips) _failure = CommandFailure.Failed("invalid_line", message);
            else _progress.Report($"{message}.");
            if (options.Skips) _read = _read with { Invalid = _read.Invalid + 1, Entries = _read.Entries + (_read.IsInChanges ? 0 : 1) };
        }
    }

    private void Add(scoped in ImportLine line, long number)
    {
        if (line.Value.Length + line.Key.Length + 1_024 > _limits.RequestBytesMax)
            throw new JsonException($"The value has {line.Value.Length} bytes, expected a request of at most {_limits.RequestBytesMax} bytes " +
                $"(RequestBytesMax, the server's Limits:FrameBytesMax)");
        bool isExpired = line.Expiry <= _now;
        if (!options.IsDryRun) _batches.Add(line, isExpired, number);
        _read = _read with
        {
            Applied = _read.Applied + 1, Expired = _read.Expired + (isExpired ? 1 : 0), Entries = _read.Entries + (_read.IsInChanges ? 0 : 1),
        };
    }

    private void BeginExport(ReadOnlySpan<byte> header)
    {
        long format = JsonCursor.NumberOf(header, "format"u8);
        if (format != ExportLines.Format) throw new JsonException($"The format of the export is {format}, expected {ExportLines.Format}");
        _read = _read with { IsExport = true, IsInChanges = false, HasEnd = false, Entries = 0 };
    }

    private void EndExport(ReadOnlySpan<byte> end)
    {
        long entries = JsonCursor.NumberOf(end, "entries"u8);
        if (entries != _read.Entries && _read.IsExport && options.FromLine == 1)
            throw new JsonException($"The end states {entries} entries, but {_read.Entries} precede it: the file has been changed");
        _read = _read with { HasEnd = true };
    }

    /// <summary>Handles a line that the server has refused.</summary>
    private void Refuse(long line, string reason)
    {
        if (!options.Skips) throw CommandFailure.Failed("refused_line", $"Line {line}: {reason.TrimEnd('.')}");
        _refused++;
        _progress.Report($"Line {line}: {reason.TrimEnd('.')}.");
    }

    private void OnEnded(ImportBatch batch)
    {
        _done = batch.End with { Refused = _refused };
        if (Stopwatch.GetElapsedTime(_savedAt) >= SaveInterval) Save();
    }

    private void Save()
    {
        if (options.IsDryRun || options.Path is not { } path) return;
        _done.Save(path);
        _savedAt = Stopwatch.GetTimestamp();
    }

    private void ReportPosition()
    {
        Save();
        string next = options.Path is null ? $"the same input and --from-line {_done.Line + 1}" : "the same command and --resume";
        session.Terminal.Error.WriteLine(
            $"kkv: The import ended early. Lines 1 to {_done.Line} are applied, and some of the lines after them may be. Continue it with {next}.");
    }

    private int Report()
    {
        long applied = _done.Applied - _done.Refused, skipped = _done.Invalid + _done.Refused;
        bool isIncomplete = _done is { IsExport: true, HasEnd: false };
        session.Report(
            $"{(options.IsDryRun ? "Checked" : "Imported")} {applied} entries and changes ({_done.Expired} of them had expired), skipped " +
                $"{skipped} lines.", json =>
            {
                json.WriteBoolean("dry_run", options.IsDryRun);
                json.WriteNumber("lines", _done.Line);
                json.WriteNumber("applied", applied);
                json.WriteNumber("expired", _done.Expired);
                json.WriteNumber("skipped", skipped);
                json.WriteBoolean("complete", !isIncomplete);
            });
        if (isIncomplete)
            session.Terminal.Error.WriteLine(
                "kkv: The file is an export without its end line: it is incomplete. Its lines are those that an interrupted export has written.");
        return isIncomplete || skipped > 0 ? ExitCode.Failed : ExitCode.Ok;
    }
}
