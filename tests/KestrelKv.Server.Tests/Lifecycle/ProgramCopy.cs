using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>A copy of the built program, whose files a test may change. Disposal deletes it.</summary>
internal sealed class ProgramCopy : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-program-");

    public ProgramCopy(Predicate<string> isCopied)
    {
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(Repository.ServerDll)!))
            if (isCopied(Path.GetFileName(file))) File.Copy(file, PathTo(Path.GetFileName(file)));
    }

    public string Dll => PathTo(Path.GetFileName(Repository.ServerDll));

    public string PathTo(string file) => Path.Combine(_folder.FullName, file);

    public void Dispose() => _folder.Delete(recursive: true);
}
