using System.Runtime.InteropServices;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>
/// The result of the Dockerfile's first stage, without an image: its COPY and RUN instructions are executed in an otherwise empty folder.
/// A file that the build needs and no COPY provides therefore fails here too.
/// </summary>
public sealed class BuiltImage : IAsyncLifetime
{
    private static readonly TimeSpan BuildTime = TimeSpan.FromMinutes(10);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-image-");

    /// <summary>The folder of the published program.</summary>
    internal string Folder => Path.Combine(_folder.FullName, "out");

    public async Task InitializeAsync()
    {
        try
        {
            string architecture = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64
                ? "arm64"
                : "amd64";
            foreach (Dockerfile.Instruction instruction in Dockerfile.Build)
            {
                if (instruction.Name == "COPY")
                {
                    foreach (string source in instruction.Sources)
                        Copy(Repository.PathTo(source), Path.Combine(_folder.FullName, instruction.Destination), source.EndsWith('/'));
                }
                else if (instruction.Name == "RUN")
                {
                    string command = $"cd '{_folder.FullName}' && export TARGETARCH={architecture} && {instruction.Arguments}";
                    await Programs.RunAsync("sh", ["-c", command], timeout: BuildTime);
                }
            }
        }
        catch
        {
            // xunit does not dispose of a fixture that failed to initialize.
            await DisposeAsync();
            throw;
        }
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Copies the published program, so that a test may change it.</summary>
    internal DirectoryInfo CopyOfProgram()
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("kestrelkv-published-");
        Copy(Folder, copy.FullName, isFolder: true);
        return copy;
    }

    private static void Copy(string source, string destination, bool isFolder)
    {
        if (!isFolder)
        {
            Directory.CreateDirectory(destination);
            File.Copy(source, Path.Combine(destination, Path.GetFileName(source)), overwrite: true);
            return;
        }

        // .dockerignore excludes these folders.
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(source, file);
            if (relative.Split('/').Any(part => part is "bin" or "obj")) continue;
            string target = Path.Combine(destination, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(target, File.GetUnixFileMode(file));
        }
    }
}
