using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using KestrelKv.Cli.Hosting;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary>The position of an import: all lines before it are applied. Stored in <c>FILE.kkv-import</c>.</summary>
/// <param name="Offset">The offset in the file, in bytes.</param>
/// <param name="Line">The number of lines before it.</param>
/// <param name="Entries">The number of lines with entries, before the changes of an export.</param>
/// <param name="Applied">The number of valid lines with entries or changes.</param>
/// <param name="Expired">The number of those whose entries had expired.</param>
/// <param name="Invalid">The number of invalid lines.</param>
/// <param name="Refused">The number of lines that the server has refused.</param>
internal sealed record ImportState(long Offset = 0, long Line = 0, long Entries = 0, long Applied = 0, long Expired = 0, long Invalid = 0,
    long Refused = 0)
{
    private const int BlockBytes = 256 * 1024;

    /// <summary>Whether the lines are an export that has begun with a header.</summary>
    public bool IsExport { get; init; }

    /// <summary>Whether the changes of an export have begun.</summary>
    public bool IsInChanges { get; init; }

    /// <summary>Whether the export has ended with its last line.</summary>
    public bool HasEnd { get; init; }

    /// <summary>The offset of the last line before <see cref="Offset"/>.</summary>
    public long LastLine { get; init; }

    /// <summary>The length of the first line of the file, with its line feed.</summary>
    public long FirstLineBytes { get; init; }

    /// <summary>The SHA-256 of the first line and of the last line before <see cref="Offset"/>; null at the beginning, and for a pipe.</summary>
    public string? Hash { get; init; }

    public static string PathOf(string file) => file + ".kkv-import";

    /// <exception cref="CommandFailure">There is no interrupted import of the file, or the file is another one.</exception>
    public static ImportState Load(string file, FileStream stream)
    {
        if (!File.Exists(PathOf(file)))
            throw CommandFailure.Failed(
                "nothing_to_resume", $"There is no interrupted import: {PathOf(file)} is expected. Start it without --resume");
        ImportState state = JsonSerializer.Deserialize(File.ReadAllBytes(PathOf(file)), ImportStateJson.Default.ImportState) ?? new();
        if (state.Offset > 0)
        {
            stream.Position = Math.Min(state.Offset - 1, stream.Length);
            if (stream.ReadByte() != '\n' && state.Offset != stream.Length)
                throw CommandFailure.Failed("other_file", $"{PathOf(file)} has the offset {state.Offset}, at which no line of {file} begins. The " +
                    $"file has changed: start the import without --resume");
        }
        if (state.Hash != state.HashOf(stream))
            throw CommandFailure.Failed("other_file", $"{PathOf(file)} is the position in another file: the lines of {file} before the offset " +
                $"{state.Offset} have changed. Start the import without --resume");
        stream.Position = state.Offset;
        return state;
    }

    /// <summary>Replaces the stored position.</summary>
    /// <param name="file">The path of the file that is imported.</param>
    /// <param name="content">The same file.</param>
    public void Save(string file, FileStream content)
    {
        string next = PathOf(file) + ".new";
        using (FileStream stream = File.Create(next))
        {
            JsonSerializer.Serialize(stream, this with { Hash = HashOf(content) }, ImportStateJson.Default.ImportState);
            stream.Flush(flushToDisk: true);
        }
        File.Move(next, PathOf(file), overwrite: true);
    }

    private string? HashOf(FileStream content)
    {
        if (Offset == 0 || !content.CanSeek) return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, content.SafeFileHandle, 0, FirstLineBytes);
        Append(hash, content.SafeFileHandle, LastLine, Offset);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, SafeFileHandle file, long start, long end)
    {
        byte[] block = new byte[Math.Clamp(end - start, 0, BlockBytes)];
        for (int read; start < end; start += read)
        {
            read = RandomAccess.Read(file, block.AsSpan(0, (int)Math.Min(block.Length, end - start)), start);
            if (read == 0) return; // The file is shorter. Its hash differs.
            hash.AppendData(block, 0, read);
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ImportState))]
internal sealed partial class ImportStateJson : JsonSerializerContext;
