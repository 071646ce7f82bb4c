using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary>A value in a temporary file that only the user can read. Disposal deletes it, unless it is to be kept.</summary>
internal sealed class EditedFile : IDisposable
{
    private readonly DirectoryInfo _directory;
    private bool _isKept;

    private EditedFile(DirectoryInfo directory) => _directory = directory;

    public string Path => System.IO.Path.Combine(_directory.FullName, "value.json");

    /// <summary>Writes a value to a file, with indentation. The directory, too, is for the user only: editors write copies beside the file.</summary>
    public static EditedFile Create(ReadOnlySpan<byte> json)
    {
        var file = new EditedFile(Directory.CreateTempSubdirectory("kkv-"));
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file.Path, options);
        stream.Write(JsonPrinter.ToLines(json, hasColors: false));
        stream.Write("\n"u8);
        return file;
    }

    /// <summary>Keeps the file, and returns its path.</summary>
    public string Keep()
    {
        _isKept = true;
        return Path;
    }

    public void Dispose()
    {
        if (!_isKept) _directory.Delete(recursive: true);
    }
}
