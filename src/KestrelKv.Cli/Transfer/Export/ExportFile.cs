using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer.Export;

/// <summary>The output of an export: <c>FILE.part</c>, which becomes <c>FILE</c> at the end, or standard output.</summary>
internal sealed class ExportFile : IDisposable
{
    private readonly Stream _stream;
    private readonly string? _path;

    private ExportFile(Stream stream, string? path) => (_stream, _path) = (stream, path);

    /// <summary>The stream, without a buffer: what was written survives the end of the process.</summary>
    public Stream Stream => _stream;

    public bool IsFile => _path is not null;

    /// <summary>The number of entries in the file.</summary>
    public long Entries { get; set; }

    /// <summary>The last key in the file, as a JSON string; empty if there is none.</summary>
    public byte[] LastKey { get; private set; } = [];

    /// <summary>Whether the file has its header.</summary>
    public bool HasHeader { get; private set; }

    public static string PartOf(string path) => path + ".part";

    public static string ChangesOf(string path) => path + ".changes";

    /// <param name="path">The path of the complete file; null for standard output.</param>
    /// <param name="terminal">The terminal.</param>
    public static ExportFile Create(string? path, Terminal terminal) => path is null
        ? new(terminal.Output, null)
        : new(ExclusiveFile.Open(PartOf(path), FileMode.Create, "export"), path);

    /// <summary>Opens the file of an interrupted export, and cuts an incomplete line, and the changes that followed the entries.</summary>
    /// <param name="path">The path of the complete file.</param>
    /// <param name="isHeader">Whether a line is the header that the file must have.</param>
    /// <param name="stop">Cancels the reading.</param>
    /// <exception cref="CommandFailure">The file is of another export, or another export writes to it.</exception>
    public static async Task<ExportFile> ResumeAsync(string path, Func<ReadOnlyMemory<byte>, bool> isHeader, CancellationToken stop)
    {
        var file = new ExportFile(ExclusiveFile.Open(PartOf(path), FileMode.Open, "export"), path);
        try
        {
            await file.FindEndAsync(isHeader, stop);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <exception cref="CommandFailure">The files of an interrupted export are missing.</exception>
    public static void ThrowIfMissing(string path)
    {
        if (File.Exists(PartOf(path)) && File.Exists(ChangesOf(path))) return;
        throw CommandFailure.Failed(
            "nothing_to_resume", $"There is no interrupted export: {PartOf(path)} and {ChangesOf(path)} are expected. Start it without --resume");
    }

    public ValueTask WriteAsync(ByteText text, CancellationToken stop) => _stream.WriteAsync(text.Memory, stop);

    /// <summary>Syncs the file, and gives it its name.</summary>
    public void Complete()
    {
        if (_path is null) return;
        ((FileStream)_stream).Flush(flushToDisk: true);
        _stream.Dispose();
        File.Move(PartOf(_path), _path, overwrite: true);
    }

    public void Dispose()
    {
        if (IsFile) _stream.Dispose();
    }

    private async Task FindEndAsync(Func<ReadOnlyMemory<byte>, bool> isHeader, CancellationToken stop)
    {
        var lines = new LineReader(_stream);
        long end = 0;
        var last = new ByteText();
        while (await lines.NextAsync(stop) && lines.IsComplete && !lines.Line.Span.StartsWith(ExportLines.ChangesStart))
        {
            if (lines.Number > 1) Entries++;
            else if (isHeader(lines.Line)) HasHeader = true;
            else throw CommandFailure.Failed(
                "other_export", $"{PartOf(_path!)} is an export with another prefix or other options. Start the export without --resume");
            last.Clear();
            last.Add(lines.Line.Span);
            end = lines.End;
        }
        if (Entries > 0) LastKey = JsonCursor.MemberOf(last.Span, "key"u8).ToArray();
        _stream.SetLength(end);
        _stream.Position = end;
    }
}
