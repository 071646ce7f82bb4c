using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary>A value in a temporary file that only the user can read. Disposal deletes it, unless it is to be kept.</summary>
internal sealed class EditedFile : IDisposable
{
    private readonly DirectoryInfo _directory;
    private readonly byte[] _text;
    private bool _isKept;

    private EditedFile(DirectoryInfo directory, byte[] text) => (_directory, _text) = (directory, text);

    public string Path => System.IO.Path.Combine(_directory.FullName, "value.json");

    /// <summary>Writes a value to a file, with indentation. The directory, too, is for the user only: editors write copies beside the file.</summary>
    public static EditedFile Create(ReadOnlySpan<byte> json)
    {
        var file = new EditedFile(Directory.CreateTempSubdirectory("kkv-"), [.. JsonPrinter.ToLines(json), (byte)'\n']);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file.Path, options);
        stream.Write(file._text);
        return file;
    }

    /// <summary>Keeps the file if the user has changed it.</summary>
    /// <returns>Whether the file is kept.</returns>
    public bool KeepIfChanged() => _isKept = File.Exists(Path) && !File.ReadAllBytes(Path).AsSpan().SequenceEqual(_text);

    public void Dispose()
    {
        if (!_isKept) _directory.Delete(recursive: true);
    }
}
