# Man pages and shell completions, printed by seep itself from its option tables.
set(docs ${PROJECT_BINARY_DIR}/docs)
file(GLOB parts CONFIGURE_DEPENDS docs/man/*.in)
add_custom_command(
  OUTPUT ${docs}/made
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${docs}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${docs}
  COMMAND seep docs man ${docs}/man --parts ${PROJECT_SOURCE_DIR}/docs/man
  COMMAND seep docs bash ${docs}/bash
  COMMAND seep docs zsh ${docs}/zsh
  COMMAND seep docs fish ${docs}/fish
  COMMAND ${CMAKE_COMMAND} -E touch ${docs}/made
  DEPENDS seep ${parts}
  COMMENT "Printing man pages and completions"
  VERBATIM)
add_custom_target(docs ALL DEPENDS ${docs}/made)

install(DIRECTORY ${docs}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${docs}/bash/seep
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${docs}/zsh/_seep DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${docs}/fish/seep.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
